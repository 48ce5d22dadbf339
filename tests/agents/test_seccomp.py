"""The filter of system calls, run line by line as the kernel would, for both machines."""

import itertools
import struct

import pytest
from airesearch.agents.executors.local.sandbox import seccomp

ALLOWED, REFUSED, KILLED = 0x7FFF0000, 0x00050000, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALL = seccomp.on_the_host(1)


def answer(program: bytes, machine: int, number: int, *words: int) -> int:
    """What the kernel does with a call, by struct seccomp_data and classic BPF."""
    data = struct.pack("<IIQ6Q", number, machine, 0, *(*words, *[0] * (6 - len(words))))
    lines = list(struct.iter_unpack("=HBBI", program))
    held, at = 0, 0
    for _ in lines:
        code, if_true, if_false, value = lines[at]
        at += 1
        if code == 0x20:
            (held,) = struct.unpack_from("<I", data, value)
        elif code == 0x54:
            held &= value
        elif code == 0x05:
            at += value
        elif code == 0x06:
            return value
        else:
            assert code in (0x15, 0x35), "a line that no kernel was asked about"
            holds = held == value if code == 0x15 else held >= value
            at += if_true if holds else if_false
    raise AssertionError("it runs in circles")


@pytest.mark.parametrize("machine", AUDIT)
@pytest.mark.parametrize("refusals", [seccomp.ALWAYS, ALL], ids=["always", "on the host"])
def test_what_the_table_says_and_no_more(
    machine: str, refusals: tuple[seccomp.Refusal, ...]
) -> None:
    program = seccomp.program(refusals, machine)
    named = {call for refusal in refusals for call in refusal.calls.split()}
    known = {seccomp.number(call, machine): call for call in named} | {-1: ""}
    for number in range(600):
        for first, second in itertools.product(
            (0, 1, 2, 10, 16, 40, 7, 0x801), (0, 1, 2, 5, 0x802)
        ):
            words = (first, second)
            mine = [r for r in refusals if known.get(number) in r.calls.split()]
            errors = [r.error for r in mine if applies(r, words)]
            expected = REFUSED | errors[0] if errors else ALLOWED
            assert answer(program, AUDIT[machine], number, *words) == expected, (number, words)


def applies(refusal: seccomp.Refusal, words: tuple[int, ...]) -> bool:
    if refusal.argument < 0:
        return True
    word = (*words, 0, 0, 0, 0)[refusal.argument] & refusal.bits
    return word in refusal.refused if refusal.refused else word not in refusal.allowed


@pytest.mark.parametrize("machine", AUDIT)
def test_calls_for_another_machine_end_the_process(machine: str) -> None:
    program = seccomp.program(ALL, machine)
    for audit in (0x40000003, 0x40000028, *(set(AUDIT.values()) - {AUDIT[machine]})):
        assert answer(program, audit, 39) == KILLED
    assert answer(program, AUDIT[machine], 0x40000000 | 39) == KILLED


def test_each_call_of_the_table_has_a_number_and_each_number_one_call() -> None:
    assert {call for refusal in ALL for call in refusal.calls.split()} == set(seccomp.CALLS)
    for machine in AUDIT:
        numbers = [n for call in seccomp.CALLS if (n := seccomp.number(call, machine)) >= 0]
        assert len(numbers) == len(set(numbers))
    assert not seccomp.is_known("riscv64")
