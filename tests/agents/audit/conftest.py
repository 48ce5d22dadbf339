"""A lab and the shared one it is pushed to: made once a file, and a copy for each test."""

import shutil
from pathlib import Path

import pytest
from pushes import World, new_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    new_world(folder)
    return folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> World:
    shutil.copytree(made, tmp_path / "w", symlinks=True)
    return World(tmp_path / "w" / "lab", tmp_path / "w" / "shared.git")
