"""Models come into a folder of models and leave it; nothing else on the disk is reached."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runner.engine.folders import ModelLibrary
from runner.engine.warehouse import Warehouse
from runner.errors import EngineError
from runner.target import serving


def save(folder: Path, name: str = "model_index.json", content: str = "{}") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    save(tmp_path / "models" / "own")
    return tmp_path / "models"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    save(tmp_path / "source" / "team" / "fox")
    save(tmp_path / "source" / "soft-vae", "config.json")
    save(tmp_path / "elsewhere" / "secret")
    return tmp_path / "source"


def test_a_model_is_known_by_its_new_name_until_it_is_removed_and_its_files_stay(models: Path, source: Path) -> None:
    warehouse, library = Warehouse(models, [source]), ModelLibrary(models)
    warehouse.add("fox-2", "team/fox")
    assert sorted(library.folders()) == ["fox-2", "own"]
    warehouse.remove("fox-2")
    assert sorted(library.folders()) == ["own"]
    assert (source / "team" / "fox" / "model_index.json").is_file()


def test_a_folder_is_found_by_its_whole_path_too(models: Path, source: Path) -> None:
    Warehouse(models, [source]).add("fox", str(source / "team" / "fox"))
    assert sorted(ModelLibrary(models).folders()) == ["fox", "own"]


def test_a_vae_is_there_for_every_model(models: Path, source: Path) -> None:
    Warehouse(models, [source]).add_vae("soft", "soft-vae")
    assert {name: sorted(folder.vaes()) for name, folder in ModelLibrary(models).folders().items()} == {"own": ["soft"]}


@pytest.mark.parametrize(
    "path", ["../elsewhere/secret", "team/../../elsewhere/secret", "/etc", "nothing", "team", "a\0b", "x" * 5000, "~"]
)
def test_what_is_not_a_model_below_a_root_is_refused(models: Path, source: Path, path: str) -> None:
    with pytest.raises(
        EngineError, match=r"^url: .* is no folder with model_index\.json below a root that this server"
    ):
        Warehouse(models, [source]).add("fox", path)


def test_a_link_that_leads_out_of_a_root_is_refused(models: Path, source: Path, tmp_path: Path) -> None:
    (source / "way-out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EngineError, match=r"^url: 'way-out/secret' is no folder"):
        Warehouse(models, [source]).add("fox", "way-out/secret")


def test_without_a_root_the_refusal_says_which_option_gives_one(models: Path) -> None:
    with pytest.raises(EngineError, match=r"none: start the server with --models-from DIR"):
        Warehouse(models).add("fox", "team/fox")


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "-x", "vaes", "loras", "a b", "ü", "a\n", "x" * 129])
def test_a_name_that_could_be_a_path_or_a_folder_of_ours_is_refused(models: Path, source: Path, name: str) -> None:
    for act in (lambda: Warehouse(models, [source]).add(name, "team/fox"), lambda: Warehouse(models).remove(name)):
        with pytest.raises(EngineError, match=r"^model_id: .* is no name for it"):
            act()


def test_a_name_that_is_taken_is_refused_and_nothing_is_overwritten(models: Path, source: Path) -> None:
    with pytest.raises(EngineError, match=r"^model_id: 'own' is taken; choose another name, or delete that one$"):
        Warehouse(models, [source]).add("own", "team/fox")
    assert not (models / "own").is_symlink()


@pytest.mark.parametrize("name", ["unet/weights.bin", "model.ckpt", "vae/x.pt"])
def test_weights_that_run_code_when_they_are_read_are_refused(models: Path, source: Path, name: str) -> None:
    file = source / "team" / "fox" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"")
    with pytest.raises(EngineError, match=rf"holds {file.name}, a format that runs code when it is read; safetensors"):
        Warehouse(models, [source]).add("fox", "team/fox")


def test_what_was_not_added_is_not_removed(models: Path) -> None:
    for name in ("own", "nobody"):
        with pytest.raises(EngineError, match=rf"^model_id: '{name}' was not added by load_model"):
            Warehouse(models).remove(name)
    assert (models / "own" / "model_index.json").is_file()


def test_a_folder_that_is_one_model_takes_no_others(models: Path) -> None:
    with pytest.raises(
        EngineError, match=r"it is one model, and others cannot be added to it; name the folder above it"
    ):
        Warehouse(models / "own")


# --- from a hub -------------------------------------------------------------------------------------------------------


FILES = {"model_index.json": b"{}", "unet/weights.safetensors": b"abc", "unet/weights.bin": b"a pickle"}


class Hub:
    """A model hub, as far as huggingface_hub asks it: team/fox, of which team/bare lacks the index."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.app = Starlette(
            routes=[
                Route("/api/models/team/{name}/revision/main", self.model),
                Route("/api/models/team/{name}/tree/{revision}", self.tree),
                Route("/team/{name}/resolve/{revision}/{file:path}", self.file, methods=["GET", "HEAD"]),
            ]
        )

    def files(self, request: Request) -> list[str]:
        return [file for file in FILES if request.path_params["name"] == "fox" or file != "model_index.json"]

    async def model(self, request: Request) -> Response:
        if request.path_params["name"] not in ("fox", "bare"):
            return JSONResponse({"error": "Repository not found"}, status_code=404)
        siblings = [{"rfilename": file} for file in self.files(request)]
        return JSONResponse({"id": "team/fox", "sha": "a" * 40, "siblings": siblings})

    async def tree(self, request: Request) -> Response:
        entries = [
            {"type": "file", "path": file, "size": len(FILES[file]), "oid": "b" * 40} for file in self.files(request)
        ]
        return JSONResponse(entries)

    async def file(self, request: Request) -> Response:
        content = FILES[request.path_params["file"]]
        self.sent.append(request.path_params["file"])
        headers = {"ETag": f'"{"b" * 40}"', "X-Repo-Commit": "a" * 40, "Content-Length": str(len(content))}
        return Response(content if request.method == "GET" else b"", headers=headers)


def with_hub(act: Callable[[str], Any]) -> tuple[Any, list[str]]:
    hub = Hub()

    async def session() -> Any:
        async with serving(hub.app) as url:
            return await asyncio.to_thread(act, url.partition("/api/")[0])

    return asyncio.run(session()), hub.sent


@pytest.fixture
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.mark.local
@pytest.mark.usefixtures("_online")
def test_a_hubs_model_is_downloaded_without_its_pickles_and_removed_with_its_files(models: Path) -> None:
    def act(endpoint: str) -> tuple[list[str], list[str]]:
        warehouse = Warehouse(models, hub=True, endpoint=endpoint)
        warehouse.add("fox", "team/fox")
        there = sorted(ModelLibrary(models).folders())
        assert (models / "fox" / "unet" / "weights.safetensors").read_bytes() == b"abc"
        warehouse.remove("fox")
        return there, [file.name for file in models.rglob("*") if "fox" in file.name]

    (there, left), sent = with_hub(act)
    assert (there, left) == (["fox", "own"], [])
    assert "unet/weights.bin" not in sent


@pytest.mark.local
@pytest.mark.usefixtures("_online")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("team/nobody", r"^url: 'team/nobody' does not come from the model hub \(.*\); the hub must be reachable"),
        ("team/bare", r"^url: 'team/bare' has no model_index\.json; a model in the diffusers format is needed"),
    ],
)
def test_a_model_that_the_hub_does_not_have_is_refused(models: Path, name: str, message: str) -> None:
    def act(endpoint: str) -> None:
        with pytest.raises(EngineError, match=message):
            Warehouse(models, hub=True, endpoint=endpoint).add("fox", name)

    with_hub(act)
    assert sorted(ModelLibrary(models).folders()) == ["own"]


@pytest.mark.local
def test_a_hub_out_of_reach_is_a_plain_refusal(models: Path) -> None:
    with pytest.raises(EngineError, match=r"does not come from the model hub .* or load the model from a folder$"):
        Warehouse(models, hub=True, endpoint="http://127.0.0.1:9").add("fox", "team/fox")


def test_without_leave_a_hubs_name_is_only_a_folder_that_is_not_there(models: Path, source: Path) -> None:
    with pytest.raises(EngineError, match=r"^url: 'team/wolf' is no folder with model_index\.json below a root"):
        Warehouse(models, [source]).add("wolf", "team/wolf")
