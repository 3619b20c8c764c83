# SPDX-License-Identifier: MIT
obj-y += chardev/chardev.o chardev/options.o chardev/fd.o chardev/terminal.o
obj-y += chardev/mux.o chardev/ringbuf.o
obj-y += chardev/socket.o chardev/stream.o chardev/listener.o chardev/sockaddr.o chardev/telnet.o chardev/websocket.o chardev/udp.o
