"""Bounded buffers between threads: what they keep, what they drop, and who wakes up when."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule

from stream.buffers import Buffer, BufferClosed

JOIN_S = 10.0


def start(target, *args) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def join(thread: threading.Thread) -> None:
    thread.join(JOIN_S)
    assert not thread.is_alive(), "a thread hangs in the buffer"


@settings(max_examples=200)
@given(depth=st.integers(1, 6), steps=st.lists(st.booleans(), max_size=60))
def test_latest_keeps_the_newest_in_order_and_counts_the_rest(depth, steps):
    buffer: Buffer[int] = Buffer(depth, "latest")
    model: list[int] = []
    dropped = 0
    for number, is_put in enumerate(steps):
        if is_put:
            buffer.put(number)
            model.append(number)
            dropped += len(model) > depth
            model = model[-depth:]
        elif model:
            assert buffer.get() == model.pop(0)
        assert len(buffer) == len(model)
        assert buffer.dropped == dropped


@pytest.mark.parametrize("depth", [1, 3])
def test_block_loses_nothing_between_threads(depth):
    buffer: Buffer[int] = Buffer(depth, "block")
    most = 0

    def write() -> None:
        for number in range(2000):
            buffer.put(number)
        buffer.close()

    writer = start(write)
    read = []
    while True:
        most = max(most, len(buffer))
        try:
            item = buffer.get(JOIN_S)
        except BufferClosed:
            break
        assert item is not None
        read.append(item)
    join(writer)
    assert read == list(range(2000))
    assert buffer.dropped == 0
    assert most <= depth


def test_latest_never_waits_and_never_goes_back():
    buffer: Buffer[int] = Buffer(2, "latest")
    read = []

    def reader() -> None:
        pause = random.Random(1)
        while True:
            try:
                item = buffer.get(JOIN_S)
            except BufferClosed:
                return
            read.append(item)
            if pause.random() < 0.3:
                threading.Event().wait(0.0005)

    thread = start(reader)
    for number in range(3000):
        buffer.put(number)
    buffer.close()
    join(thread)
    assert read == sorted(set(read))
    assert read[-1] == 2999
    assert len(read) + buffer.dropped == 3000


@pytest.mark.parametrize("policy", ["latest", "block"])
def test_what_is_left_is_read_before_the_end(policy):
    buffer: Buffer[str] = Buffer(4, policy)
    buffer.put("a")
    buffer.put("b")
    buffer.close()
    assert (buffer.get(), buffer.get()) == ("a", "b")
    for _ in range(2):
        with pytest.raises(BufferClosed):
            buffer.get()
    with pytest.raises(BufferClosed):
        buffer.put("c")


def test_the_writers_error_comes_after_its_items_and_the_first_error_stays():
    buffer: Buffer[str] = Buffer(4, "block")
    buffer.put("a")
    buffer.close(ValueError("broken"))
    buffer.close(KeyError("later"))
    buffer.close()
    assert buffer.get() == "a"
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            buffer.get()


def test_get_gives_up_after_its_timeout():
    buffer: Buffer[int] = Buffer(1, "block")
    assert buffer.get(0.0) is None
    assert buffer.get(0.01) is None
    buffer.put(0)
    assert buffer.get(0.0) == 0, "a falsy item is an item"


def test_a_closing_reader_frees_a_waiting_writer():
    buffer: Buffer[int] = Buffer(1, "block")
    buffer.put(1)
    outcome = []

    def write() -> None:
        try:
            buffer.put(2)
            outcome.append("put")
        except BufferClosed:
            outcome.append("closed")

    thread = start(write)
    thread.join(0.05)
    assert thread.is_alive(), "a full blocking buffer lets nobody in"
    buffer.close()
    join(thread)
    assert outcome == ["closed"]
    assert len(buffer) == 1


def test_a_closing_writer_frees_a_waiting_reader():
    buffer: Buffer[int] = Buffer(1, "latest")
    outcome = []

    def read() -> None:
        try:
            buffer.get()
        except BufferClosed:
            outcome.append("closed")

    thread = start(read)
    thread.join(0.05)
    assert thread.is_alive()
    buffer.close()
    join(thread)
    assert outcome == ["closed"]


def test_depth_must_be_positive():
    with pytest.raises(ValueError, match="at least 1"):
        Buffer(0, "latest")


class BlockingBuffer(RuleBasedStateMachine):
    """One thread, never over the depth: first in, first out."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer: Buffer[int] = Buffer(3, "block")
        self.model: list[int] = []
        self.number = 0

    tickets = Bundle("tickets")

    @rule(target=tickets)
    def put(self):
        if len(self.model) < 3:
            self.buffer.put(self.number)
            self.model.append(self.number)
            self.number += 1
        return self.number

    @rule(_ticket=consumes(tickets))
    def get(self, _ticket):
        got = self.buffer.get(0.0)
        assert got == (self.model.pop(0) if self.model else None)
        assert len(self.buffer) == len(self.model)
        assert self.buffer.dropped == 0


BlockingBuffer.TestCase.settings = settings(max_examples=30)
TestBlockingBuffer = BlockingBuffer.TestCase
