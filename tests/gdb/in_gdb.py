# SPDX-License-Identifier: MIT
"""What tests/gdb/session does in gdb: PATH is the stub's socket, WHAT the name of a session."""

import gdb

STOPS = []


def run(command):
    return gdb.execute(command, to_string=True)


def value(expression):
    return int(gdb.parse_and_eval(expression)) & (1 << 64) - 1


def expect(expression, wanted):
    got = value(expression)
    assert got == wanted, '%s is %#x, not %#x' % (expression, got, wanted)


def stopped_at_breakpoint():
    return isinstance(STOPS[-1], gdb.BreakpointEvent)


def pc():
    return value('(unsigned long)$pc')


def address(symbol):
    return value('(unsigned long)&%s' % symbol)


def test_threads(bits):
    """One for each vCPU, with registers of its own."""
    threads = run('info threads')
    assert 'CPU#0 [running]' in threads and 'CPU#1 [waiting for its start]' in threads, threads
    run('thread 2')
    expect('$cs', 0xf000)
    expect('$cr0 & 1', 0)
    run('thread 1')
    expect('$cr0 & 1', 1)
    assert gdb.selected_frame().name() == 'start'
    run('stepi 2')
    expect('$esp', value('(int)(long)&stack_top'))


def test_symbols(bits):
    """Breakpoints by symbol, arguments, frames, finish, next."""
    run('break bump')
    run('continue')
    assert gdb.selected_frame().name() == 'bump'
    expect('by', 0)
    assert gdb.selected_frame().older().name() == 'work'
    assert gdb.selected_frame().older().older().name() == 'main'
    run('continue')
    expect('by', 1)
    expect('counter', 0)
    run('finish')
    expect('counter', 1)
    assert gdb.selected_frame().name() == 'work'
    run('delete')
    run('hbreak work')
    run('continue')
    expect('round', 2)
    run('next')
    assert gdb.selected_frame().name() == 'work'
    run('delete')
    expect('$cr0 & 1', 1)
    expect('($efer >> 10) & 1', bits == 64)


def step_to(symbol, limit):
    for _ in range(limit):
        if pc() == address(symbol):
            return
        run('stepi')
    assert False, 'not at %s but at %#x' % (symbol, pc())


def test_instructions(bits):
    """Steps over REP, INT, IRET, SYSCALL; breakpoints behind them."""
    run('tbreak *&rep_here')
    run('continue')
    count = '$rcx' if bits == 64 else '$ecx'
    expect(count, 16)
    run('stepi')  # an iteration
    expect(count, 15)
    expect('$pc == (long)&rep_here', 1)
    run('stepi 14')
    expect(count, 1)
    step_to('rep_done', 2)
    expect('to[15]', 16)
    run('tbreak *&rep_here')
    run('continue')
    run('nexti')
    run('tbreak *&int_here')
    run('continue')
    run('stepi')
    assert pc() == address('handler'), hex(pc())
    assert gdb.selected_frame().older().name() == 'work'
    run('tbreak *&return_here')
    run('continue')
    run('stepi')
    assert pc() == address('int_done')
    run('tbreak interrupted')
    run('continue')
    names = []
    frame = gdb.selected_frame()
    while frame:
        names.append(frame.name())
        frame = frame.older()
    assert names[:4] == ['interrupted', 'handler', 'work', 'main'], names
    if bits == 64:
        run('tbreak *&syscall_here')
        run('continue')
        run('stepi')
        assert pc() == address('syscall_target')
        run('stepi')
        assert pc() == address('syscall_done')
        run('stepi')
        expect('$xmm3.v2_int64[0] != 0', 1)


def test_segment(bits):
    """Code in a segment with a base: the PC is the linear address."""
    if bits == 64:
        return
    run('tbreak *&based')
    run('continue')
    assert stopped_at_breakpoint(), STOPS[-1]
    expect('$cs', 0x18)
    expect('$cs_base', 0x10000)
    expect('$ip', address('based') - 0x10000)
    run('stepi 2')
    assert gdb.selected_frame().name() == 'call_based'
    expect('$cs', 8)


def test_watchpoints(bits):
    """Writes, reads, accesses; in C and in a REP instruction."""
    run('delete')
    before = value('counter')
    run('watch counter')
    run('continue')
    while value('counter') == before:
        run('continue')
    assert gdb.selected_frame().name() == 'bump'
    run('delete')
    run('rwatch from[7]')
    run('continue')
    assert pc() in (address('rep_here'), address('rep_done')), hex(pc())
    assert address('from') + 8 == value('(unsigned long)$%csi' % 're'[bits == 32])
    run('delete')
    run('awatch interrupts')
    run('continue')
    assert gdb.selected_frame().name() == 'interrupted'
    run('delete')


def test_conditions(bits):
    """Evaluated by the stub: tens of thousands of hits a second."""
    run('set breakpoint condition-evaluation target')
    start = value('counter')
    run('break bump if by == 3 && counter > %d' % (start + 30000))
    run('continue')
    expect('by', 3)
    assert start + 30000 < value('counter') < start + 30010
    run('delete')
    run('set breakpoint condition-evaluation auto')


def test_changes(bits):
    """Writing registers and memory; calling a function of the guest."""
    run('tbreak bump')
    run('continue')
    run('set var counter = 1000')
    expect('counter', 1000)
    expect('bump(5)', 1005)
    expect('counter', 1005)
    run('set $%s = 0x12345678' % ('rax' if bits == 64 else 'eax'))
    expect('$eax', 0x12345678)
    run('set $xmm1.v4_int32[2] = 77')
    expect('$xmm1.v4_int32[2]', 77)
    run('set $st3 = 1.5')
    assert float(gdb.parse_and_eval('$st3')) == 1.5
    assert 'OK' in run('maint packet Qqemu.PhyMemMode:1')
    expect('counter', 1005)  # mapped one to one
    assert 'OK' in run('maint packet Qqemu.PhyMemMode:0')
    assert 'VM status: paused' in run('monitor info status')


def test_interrupt_key(bits):
    """A machine that runs is stopped, as by Ctrl-C, and left alone again."""
    run('delete')
    gdb.post_event(lambda: None)
    import os
    import signal
    import threading
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        run('continue')
    except KeyboardInterrupt:
        pass
    assert gdb.selected_thread().is_stopped()
    run('detach')
    gdb.execute('target remote ' + PATH)  # noqa: F821
    assert gdb.selected_frame().name() in ('main', 'work', 'bump', 'copy', 'interrupted', 'handler',
                                           'syscall_target', 'call_based', 'based'), gdb.selected_frame().name()


def test_firmware():
    """The reset vector; breakpoints in the 16-bit and the 32-bit part of SeaBIOS."""
    expect('$cs', 0xf000)
    expect('$rip', 0xfffffff0)
    expect('$ip', 0xfff0)
    assert 'ljmp 0xf000:0xe05b' in run('monitor x/i 0xffff0')
    run('stepi')
    expect('$rip', 0xfe05b)
    expect('$ip', 0xe05b)
    expect('$cs_base', 0xf0000)
    run('stepi')
    expect('$rip', 0xfe062)
    run('stepi')
    run('stepi 3')
    here = pc()
    assert 'rom' not in run('info mem')  # gdb's word is ro
    assert '0x00000000fffc0000 0x0000000100000000 ro' in run('info mem')
    run('monitor system_reset')
    for command in 'break', 'hbreak':
        run('%s *0x%x' % (command, here))
        run('continue')
        assert stopped_at_breakpoint(), STOPS[-1]
        expect('$rip', here)
        expect('$cs', 0xf000)
        run('delete')
        run('monitor system_reset')
    run('watch *(int *)0x46c')
    for _ in range(20):
        run('continue')
        if value('$cr0 & 1'):
            break
    expect('$cr0 & 1', 1)
    run('delete')
    here = pc()
    run('stepi 5')
    assert pc() != here
    run('detach')


def test_real_mode():
    """gdb's own view of 16-bit code."""
    assert 'ljmp   $0xf000,$0xe05b' in run('x/i $pc')
    run('stepi')
    expect('$pc', 0xfe05b)
    branch = run('x/2i $pc').splitlines()[1]
    assert '0xfe062:\tjne    0xfd' in branch, branch
    run('tbreak *0xfe062')
    run('continue')
    assert stopped_at_breakpoint(), STOPS[-1]
    expect('$eip', 0xfe062)
    expect('$ip', 0xe062)


def main():
    for setting in 'pagination off', 'confirm off', 'remotetimeout 60':
        gdb.execute('set ' + setting)
    gdb.events.stop.connect(STOPS.append)
    gdb.execute('target remote ' + PATH)  # noqa: F821
    if WHAT == 'firmware':  # noqa: F821
        test_firmware()
    elif WHAT == 'real mode':  # noqa: F821
        test_real_mode()
    else:
        bits = int(WHAT[3:])  # noqa: F821
        for test in (test_threads, test_symbols, test_instructions, test_segment, test_watchpoints,
                     test_conditions, test_changes, test_interrupt_key):
            gdb.write(test.__name__ + '\n')
            test(bits)
    gdb.write('session passed\n')


main()
