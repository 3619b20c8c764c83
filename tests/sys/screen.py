# SPDX-License-Identifier: MIT
"""Pictures made by screendump, and the text on them by comparing cells with known ones."""


class Picture:
    """A binary PPM."""

    def __init__(self, path):
        with open(path, 'rb') as file:
            data = file.read()
        magic, size, depth, self.rgb = data.split(b'\n', 3)
        if magic != b'P6' or depth != b'255':
            raise ValueError(f'{path} is no picture')
        self.width, self.height = (int(n) for n in size.split())
        if len(self.rgb) != 3 * self.width * self.height:
            raise ValueError(f'{path} ends early')

    def pixel(self, x, y):
        at = 3 * (y * self.width + x)
        return tuple(self.rgb[at:at + 3])

    def cell(self, column, row, width, height):
        """The pixels of a character's cell."""
        start = 3 * (row * height * self.width + column * width)
        return b''.join(self.rgb[start + 3 * y * self.width:start + 3 * (y * self.width + width)]
                        for y in range(height))


class Font:
    """How characters look, learnt from a picture that shows known ones in its first rows."""

    def __init__(self, picture, text, width=8, height=16):
        self.width, self.height = width, height
        self.glyphs = {}
        columns = picture.width // width
        for i, char in enumerate(text):
            glyph = picture.cell(i % columns, i // columns, width, height)
            self.glyphs.setdefault(glyph, char)
        if len(self.glyphs) < len(set(text)):
            raise ValueError('characters look alike')

    def read(self, picture):
        """The text on a picture: rows without trailing blanks, "?" for what was never seen."""
        rows = []
        for row in range(picture.height // self.height):
            cells = (picture.cell(column, row, self.width, self.height)
                     for column in range(picture.width // self.width))
            rows.append(''.join(self.glyphs.get(cell, '\ufffd') for cell in cells).rstrip())
        while rows and not rows[-1]:
            rows.pop()
        return rows
