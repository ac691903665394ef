"""Where it is not installed, and what the hub says: in processes of their own."""

import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.servers import Answer, as_json, serve

pytestmark = pytest.mark.transformers


def run_python(code: str, **environment: str) -> str:
    """What the code prints, with `error(work)` to print an error of ours."""
    start = """
        import sys
        from longtake.errors import LongtakeError
        def error(work):
            try:
                print(work())
            except LongtakeError as error:
                print(type(error).__name__, error.message, error.hint, sep=" | ")
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(start) + textwrap.dedent(code)],
        env=kept | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


OPEN = """
    from longtake.engines import open_engine
    from longtake.settings import Settings
    error(lambda: open_engine("transformers:org/tiny", Settings()))
"""


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_missing_extra_names_the_command_that_installs_it(package: str) -> None:
    said = run_python(f"sys.modules[{package!r}] = None\n" + textwrap.dedent(OPEN))
    assert said.startswith("UsageError | transformers:org/tiny needs the package")
    assert repr(package) in said and "-m pip install" in said and "[transformers]" in said


@pytest.mark.parametrize(
    "trouble",
    [
        "OSError('libcudart.so.13: no such file')",
        "RuntimeError('operator is not there')",
        "AttributeError('partially initialized')",
        "ImportError('undefined symbol: x')",
    ],
)
def test_extra_that_is_broken_says_how(tmp_path: Path, trouble: str) -> None:
    (tmp_path / "torch.py").write_text(f"raise {trouble}\n")
    said = run_python(OPEN, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert said.startswith("UsageError | the package 'torch' is installed, but")
    assert trouble.partition("'")[2].partition("'")[0] in said and "--force-reinstall" in said


FIND = """
    import logging
    logging.basicConfig(level="INFO", format="log: %(message)s")
    from longtake.engines.transformers.hub import find_folder
    error(lambda: (lambda f: (f.name, f.fingerprint, f.parameters))(find_folder("org/tiny")))
"""

COMMIT = "1234567890abcdef1234567890abcdef12345678"


def lay_in_cache(model: Path, cache: Path) -> Path:
    """The model as the hub's client keeps it, under the name org/tiny."""
    home = cache / "models--org--tiny"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    return shutil.copytree(model, home / "snapshots" / COMMIT)


def test_model_of_the_hubs_cache_needs_no_network(models: dict[str, Path], tmp_path: Path) -> None:
    folder = lay_in_cache(models["smolvlm"], tmp_path)
    with serve() as server:
        said = run_python(FIND, HF_HUB_CACHE=str(tmp_path), HF_ENDPOINT=server.url)
        assert f"('org/tiny', '{COMMIT}', " in said and not server.asked
    (folder / "model.safetensors").unlink()
    said = run_python(FIND, HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="1")
    assert said.startswith("ModelError | org/tiny is not in the hub's cache")


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, "RepoNotFound", "UsageError | the hub has no model 'org/tiny', or it is private"),
        (404, "RepoNotFound", "UsageError | the hub has no model 'org/tiny', or it is private"),
        (403, "GatedRepo", "ModelError | org/tiny is only given to those who accepted"),
        (500, "", "ModelError | org/tiny is not in the hub's cache"),
    ],
)
def test_what_the_hub_refuses_is_said_in_plain_words(
    tmp_path: Path, status: int, code: str, said: str
) -> None:
    with serve() as server:
        refusal = as_json({"error": "no"}, status, X_Error_Code=code)
        server.set("/api/models/org/tiny/revision/main", refusal)
        found = run_python(FIND, HF_HUB_CACHE=str(tmp_path), HF_ENDPOINT=server.url)
    assert found.startswith(said)
    assert run_python(FIND, HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="1").startswith("ModelError")


def test_model_is_fetched_once_with_a_word_of_its_size_and_licence(
    models: dict[str, Path], tmp_path: Path
) -> None:
    with serve() as server:
        listed = []
        for file in models["smolvlm"].iterdir():
            data = file.read_bytes()
            etag = hashlib.sha1(data).hexdigest()
            listed.append({"type": "file", "path": file.name, "size": len(data), "oid": etag})
            route = f"/org/tiny/resolve/{COMMIT}/{file.name}"
            server.set(route, Answer(200, data, {"ETag": f'"{etag}"', "X_Repo_Commit": COMMIT}))
        listed.append({"type": "file", "path": "run.py", "size": 9, "oid": "0" * 40})
        card = {"license": "cc-by-nc-4.0"}
        facts = {"id": "org/tiny", "sha": COMMIT, "cardData": card}
        server.set("/api/models/org/tiny/revision/main", as_json(facts))
        tree = f"/api/models/org/tiny/tree/{COMMIT}?recursive=true&expand=false"
        server.set(tree, as_json(listed))
        cache = {"HF_HUB_CACHE": str(tmp_path), "HF_ENDPOINT": server.url}
        first = run_python(FIND, **cache)
        asked = len(server.asked)
        assert f"('org/tiny', '{COMMIT}', " in first
        assert (
            f"fetching org/tiny from the Hugging Face hub: {len(listed) - 1} files, 1 MB" in first
        )
        licence = "the licence of org/tiny: cc-by-nc-4.0: for non-commercial use only"
        assert licence in first
        assert not any("run.py" in request.path for request in server.asked)
        assert COMMIT in run_python(FIND, **cache) and len(server.asked) == asked


@pytest.mark.parametrize(
    ("card", "said", "free"),
    [
        ({"license": "apache-2.0"}, "apache-2.0", True),
        ({"license": "cc-by-nc-sa-4.0"}, "cc-by-nc-sa-4.0: for non-commercial use only", False),
        (
            {"license": "other", "license_name": "fair-noncommercial", "license_link": "LICENSE"},
            "fair-noncommercial (LICENSE): for non-commercial use only",
            False,
        ),
        ({"license": "other", "license_name": "gemma"}, "gemma", True),
        ({"license": "other", "license_link": "x\ny"}, "(x y)", True),
        ({"license": "other"}, "its model card names none: look it up before you use it", False),
        ({}, "its model card names none: look it up before you use it", False),
    ],
)
def test_licence_is_said_in_plain_words(card: dict[str, str], said: str, free: bool) -> None:
    from longtake.engines.transformers.hub import say_licence

    assert say_licence(card) == (said, free)


def test_opening_and_asking_writes_nothing_to_the_terminal(models: dict[str, Path]) -> None:
    said = run_python(
        f"""
        from longtake.engines import open_engine
        from longtake.inference.engine import Request
        from longtake.settings import Settings
        with open_engine("transformers:" + {str(models["smolvlm"])!r}, Settings()) as engine:
            engine.answer(Request("s", ("Name a colour.",), 4))
        """,
        HF_HUB_OFFLINE="1",
    )
    assert said == ""
