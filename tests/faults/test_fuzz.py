"""Hostile bytes: what once found something, what Hypothesis makes of whole files, and a short run of the fuzzer."""

import contextlib
import importlib.util
import os
import random
import subprocess
import sys
import time

import pytest
import targets
from helpers.commands import command_environment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, 'corpus')


@pytest.fixture(scope='module', autouse=True)
def leave_nothing():
    yield
    targets.clean()


def throw(name, content):
    """Has a target read bytes, which it may only take or refuse; returns whether it took them."""
    before, taken = time.process_time(), False
    with contextlib.suppress(*targets.EXPECTED):
        targets.TARGETS[name][0](content)
        taken = True
    assert time.process_time() - before < 1
    return taken


@pytest.mark.parametrize('name, file', [(name, file) for name in sorted(os.listdir(CORPUS))
                                        for file in sorted(os.listdir(os.path.join(CORPUS, name)))])
def test_what_once_found_something(name, file):
    with open(os.path.join(CORPUS, name, file), 'rb') as handle:
        throw(name, handle.read())


@pytest.mark.slow_tf1
@pytest.mark.parametrize('name', targets.TARGETS)
def test_whole_files_are_taken_and_changed_ones_are_taken_or_refused(name):
    whole = list(targets.TARGETS[name][1]())
    draw = random.Random(name)
    taken = [throw(name, content) for content in whole]
    assert any(taken)
    for content in whole:
        for cut in sorted({draw.randrange(len(content)) for _ in range(10)}):
            throw(name, content[:cut])

    @settings(max_examples=100, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(whole), st.lists(st.tuples(st.integers(0, 8191), st.binary(max_size=6), st.integers(0, 6)),
                                            min_size=1, max_size=4))
    def change(content, changes):
        for number, new, over in changes:
            place = number % (len(content) + 1)
            content = content[:place] + new + content[place + over:]
        throw(name, content)

    change()

    @settings(max_examples=50, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=300))
    def anything(content):
        throw(name, content)

    anything()


@pytest.mark.parametrize('inputs', [pytest.param(500, marks=[pytest.mark.slow, pytest.mark.once]),
                                    pytest.param(20000, marks=pytest.mark.nightly)])
def test_the_fuzzer_finds_nothing(inputs):
    if importlib.util.find_spec('atheris') is None:
        pytest.skip('atheris is not here')
    process = subprocess.Popen([sys.executable, os.path.join(HERE, 'fuzz.py'), 'all', str(inputs)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                               env=command_environment())
    out, _ = process.communicate()
    assert process.returncode == 0 and out.count('no finding') == len(targets.TARGETS), out[-3000:]
