"""Files from somebody else: each sentence of SECURITY.md that begins with a dash is held by a test that names it.

Most attacks, were they to succeed, would leave a file behind: the proof.
"""

import ast
import base64
import copy
import io
import json
import os
import pickle
import re
import runpy
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
import yaml
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from dlhw import baseline, checkpoints, cli, denoise, generate, targets
from dlhw.audio import read as audio_read
from dlhw.audio.write import wav_bytes
from dlhw.config import CONF, checkpoint_to_resume, compose_config, new_folder
from dlhw.data import face_files, npz, speech_manifest
from dlhw.errors import JobFailed, UserError
from dlhw.explain import explained
from dlhw.files import refuse_links
from dlhw.report import run as run_page
from dlhw.report import run_report, sweep_report
from dlhw.report.__main__ import main as report_main
from dlhw.report.index import find_entries, write_index
from dlhw.run_folder import overrides_of
from dlhw.schema import validate
from dlhw.sweep_end import SweepEnd, choose_folder
from tests.helpers import DIGITS, ROOT, SMALL_SVD, error_line
from tests.test_checkpoints import Malicious, plant
from tests.test_denoise import make_run
from tests.test_generate import config as gan_config

PROMISES = re.findall(r"^- (.*)$", (ROOT / "SECURITY.md").read_text(encoding="utf-8"), re.MULTILINE)
HELD = set()


def holds(beginning: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Marks a test of the promise that begins so."""
    (promise,) = (promise for promise in PROMISES if promise.startswith(beginning))
    HELD.add(promise)
    return lambda test: test


def test_every_promise_is_held() -> None:
    assert set(PROMISES) == HELD


COPY = "shutil.copyfile"  # what an attack has called: Hydra's own list of dangerous targets lets it pass


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    return tmp_path / "proof"


@pytest.fixture
def attack(proof: Path) -> dict[str, str]:
    """A section that writes the proof when it is instantiated."""
    return {"_target_": COPY, "src": str(ROOT / "README.md"), "dst": str(proof)}


@pytest.fixture(autouse=True)
def nobody_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "TRUSTED", ())


composed_once = cache(lambda *overrides: compose_config(overrides))


def composed(*overrides: str) -> DictConfig:
    return copy.deepcopy(composed_once(*overrides))


def mnist_mlp() -> DictConfig:
    return composed("experiment=mnist_mlp", *DIGITS, "trainer.max_epochs=1")


def with_value(cfg: DictConfig, key: str, value: Any) -> DictConfig:
    OmegaConf.update(cfg, key, value, merge=False, force_add=True)
    return cfg


def make_folder(folder: Path, cfg: DictConfig) -> Path:
    """The folder of a run that was interrupted before its first checkpoint."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
    (folder / "overrides.yaml").write_text("[]\n")
    return folder


def resume(folder: Path) -> None:
    """What `python train.py resume=<folder>` does, once Hydra has started."""
    cli.run_job(continued(folder), folder)


def continued(folder: Path, **places: str) -> DictConfig:
    """The config that it goes on with, where the user's `data.root` and `paths.outputs` are as given."""
    given = {"root": "data", "outputs": str(folder.parent / "outputs")} | places
    cfg = composed(f"resume={folder}", f"data.root={given['root']}", f"paths.outputs={given['outputs']}")
    return cli.continued(cfg)


def refused(command: Callable[[list[str]], None], *args: str) -> str:
    with pytest.raises(SystemExit) as stop:
        command(list(args))
    return error_line(str(stop.value.code))


# ---------------------------------------------------------------------------------------------- what may be called


def test_what_is_shipped_is_what_the_configs_name() -> None:
    """Also what is hand-kept of it; Hydra itself calls the last one, from its own section."""
    named = {target for file in CONF.rglob("*.yaml") for target in targets_in(yaml.safe_load(file.read_text()))}
    assert named - {"dlhw.sweep_end.SweepEnd"} == targets.shipped()


def targets_in(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["_target_"]} if "_target_" in node else set()
        return own.union(*map(targets_in, node.values()))
    return set().union(*map(targets_in, node)) if isinstance(node, list) else set()


def test_a_file_put_into_conf_does_not_allow_itself_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.yaml").write_text(
        "a:\n  _target_: os.system\nb:\n- _target_: dlhw.files.write_atomically\nc: {_target_: dlhw.nets.x.Y, z: 1}\n"
    )
    monkeypatch.setattr(targets, "CONF", tmp_path)
    assert targets.shipped.__wrapped__() == targets.LIBRARIES.keys() | {"dlhw.nets.x.Y"}


@pytest.mark.parametrize(
    "target",
    [
        COPY, "os.system", "builtins.eval", "builtins.exec", "subprocess.Popen", "functools.partial", "torch.load",
        "hydra.utils.get_method", "hydra.utils.get_class", "hydra.utils.get_object", "hydra.utils.instantiate",
        "dlhw.run_folder.shutil.os.system", "dlhw.files.os.remove", "dlhw.files.write_atomically",
        "dlhw.sweep_end.SweepEnd",
        "dlhw.nets.mlp._Private", "dlhw.nets.mlp.MLP.__init__", "dlhw.nets.mlp", "dlhw", "mlp.MLP", "",
        "dlhw.nets.mlp.MLP ", "dlhw.nets.mlp.MLP\n", "torch.optim.Adam.__class__", "torch.optim.adam.Adam",
        None, 3, ["dlhw.nets.mlp.MLP"], {"_target_": "dlhw.nets.mlp.MLP"},
    ],
)  # fmt: skip
def test_what_is_not_shipped_is_refused(target: Any) -> None:
    with pytest.raises(UserError, match=r"^net\._target_=.*: refused, .*conf/.*DLHW_TRUST_TARGETS"):
        targets.check({"net": {"_target_": target}})


@pytest.mark.parametrize("place", ["model.net", "callbacks.x", "start", "data", "scheduler"])
@pytest.mark.parametrize("target", ["loggers.MLFlowLogger", "Trainer", "callbacks.ModelCheckpoint"])
def test_what_is_shipped_for_another_place_is_refused(place: str, target: str) -> None:
    """It would write to files, or speak to a server, that its arguments name."""
    if (place, target) != ("callbacks.x", "callbacks.ModelCheckpoint"):
        with pytest.raises(UserError, match=rf"{place}\._target_=pytorch_lightning\.{target}: refused"):
            targets.check(with_target(place, f"pytorch_lightning.{target}"))


def with_target(place: str, target: str) -> Any:
    return OmegaConf.to_container(with_value(OmegaConf.create({}), place, {"_target_": target}))


PLACES = [
    "model", "model.net", "model.loss", "optimizer", "scheduler", "data", "trainer.plugins", "trainer", "logger.csv",
    "callbacks.evil", "callbacks.checkpoint", "callbacks.checkpoint.monitor", "start", "paths.more",
]  # fmt: skip


@holds("Nothing is called but")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("how", ["as it is", "partial", "in lists", "beside another"])
def test_at_any_depth_it_is_refused(place: str, how: str, attack: dict[str, str], proof: Path) -> None:
    section: Any = {
        "as it is": attack,
        "partial": attack | {"_partial_": True, "_convert_": "all"},
        "in lists": [[{"_args_": [attack], "_recursive_": False}]],
        "beside another": {"_target_": "torch.optim.Adam", "params": {"deep": attack}},
    }[how]
    cfg = mnist_mlp()
    instead = isinstance(section, dict) and OmegaConf.is_dict(OmegaConf.select(cfg, place)) and how != "beside another"
    if instead:  # the rest of the section stays, so that it is valid but for what it names
        section = OmegaConf.to_container(OmegaConf.select(cfg, place)) | section
    with pytest.raises(UserError) as stop:
        validate(with_value(cfg, place, section))
    assert "\n" not in str(stop.value)
    if instead:
        assert f"{place}._target_={COPY}: refused" in str(stop.value)
    assert not proof.exists()


def test_a_valid_config_is_not_refused() -> None:
    validate(mnist_mlp())


def test_a_caller_that_trusts_the_config_would_be_attacked(attack: dict[str, str], proof: Path) -> None:
    instantiate([attack])
    assert proof.exists()


@pytest.mark.parametrize("value", ["${oc.env:EVIL}", "${paths.evil}", "${oc.decode:${oc.env:EVIL}}"])
def test_what_an_interpolation_becomes_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIL", COPY)
    cfg = with_value(with_value(mnist_mlp(), "paths.evil", COPY), "callbacks.evil", {"_target_": value})
    with pytest.raises(UserError, match=rf"callbacks\.evil\._target_={COPY}: refused"):
        validate(cfg)


def test_a_section_that_an_interpolation_makes_is_refused() -> None:
    cfg = with_value(mnist_mlp(), "callbacks.evil", f"${{oc.create:{{_target_:{COPY}}}}}")
    with pytest.raises(UserError, match="refused"):
        validate(cfg)


@pytest.mark.parametrize("names", [("mypackage",), ("other", "mypackage.nets"), ("mypackage.nets.Net",)])
def test_what_is_trusted_by_name_is_not_refused(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "TRUSTED", names)
    validate(with_value(mnist_mlp(), "callbacks.mine", {"_target_": "mypackage.nets.Net"}))
    for other in ("mypackages.nets.Net", "nets.Net", COPY):
        assert not targets.is_allowed(other, "callbacks")


@pytest.mark.parametrize(("trusted", "allowed"), [("tests", True), (" other., tests.kill. ", True), ("", False)])
def test_the_users_environment_says_what_is_trusted(
    monkeypatch: pytest.MonkeyPatch, trusted: str, allowed: bool
) -> None:
    monkeypatch.setenv("DLHW_TRUST_TARGETS", trusted)
    assert runpy.run_path(targets.__file__)["is_allowed"]("tests.kill.KillAtStep", "callbacks") == allowed


@pytest.mark.parametrize("more", [(), ("+hydra.job.env_set.DLHW_TRUST_TARGETS=tests",)])
def test_a_config_cannot_trust_itself(refused, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]) -> None:
    monkeypatch.setattr(targets, "TRUSTED", ())
    line = refused("experiment=mnist_mlp", "data=digits", "+callbacks.kill._target_=tests.kill.KillAtStep", *more)
    assert "callbacks.kill._target_=tests.kill.KillAtStep: refused" in line


# ---------------------------------------------------------------------------------------------- folders of runs


@pytest.mark.parametrize("place", ["model.net", "callbacks.evil", "optimizer", "callbacks.checkpoint.deep.0"])
def test_a_config_that_has_something_called_is_not_resumed(
    tmp_path: Path, place: str, attack: dict[str, str], proof: Path
) -> None:
    cfg = mnist_mlp()
    if place.endswith(".0"):
        cfg = with_value(cfg, place.removesuffix(".0"), [attack])
    else:
        section = OmegaConf.to_container(OmegaConf.select(cfg, place) or OmegaConf.create({}))
        cfg = with_value(cfg, place, section | attack)
    folder = make_folder(tmp_path / "run", cfg)
    with pytest.raises(UserError) as stop:
        resume(folder)
    assert f"{folder / 'config.yaml'}: {place}._target_={COPY}: refused" in str(stop.value)
    assert not proof.exists()


def test_the_command_itself_refuses_it_in_one_line(train, tmp_path: Path, attack: dict[str, str], proof: Path) -> None:
    folder = make_folder(tmp_path / "run", with_value(mnist_mlp(), "callbacks.evil", attack))
    done = train(f"resume={folder}", script="tests/without_torch.py")
    assert done.returncode == 1
    assert f"{folder / 'config.yaml'}: callbacks.evil._target_={COPY}: refused" in error_line(done.stderr)
    assert not proof.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("model: !!python/object/apply:os.system ['touch {proof}']", "cannot be read"),
        ("model: !!python/object/new:os.system ['touch {proof}']", "cannot be read"),
        ("a: [", "cannot be read"),
        ("[1, 2]", "holds no config"),
        ("just words", "name is missing"),
        ("", "name is missing"),
        ("name: mnist_mlp", "seed is missing"),
        ("model: 3\nname: 3", "name=3: must be a string"),
        ("model: [1]", "Index 'net'"),
        ('name: "\\x24{oc.env:HOME}"', "must be a plain value"),
        ("callbacks: {x: {_target_: '${oc.env:HOME}'}}", "must be a plain value"),
        ("callbacks: ${oc.create:{_target_:os.system}}", "must be a plain value"),
        ('optimized_metric: "\\e[2J"', r"cannot be read \('.x1b\[2J', which dlhw never writes\)"),
        ('sweep: {"\\u202e": 1}', "which dlhw never writes"),
    ],
)  # fmt: skip
def test_a_config_that_is_none_is_refused(tmp_path: Path, proof: Path, content: str, reason: str) -> None:
    (tmp_path / "config.yaml").write_text(content.replace("{proof}", str(proof)))
    with pytest.raises(UserError, match=reason) as stop:
        resume(tmp_path)
    assert str(stop.value).startswith(f"{tmp_path / 'config.yaml'}")
    assert "\n" not in str(stop.value)
    assert not proof.exists()


def test_an_invalid_value_names_the_file(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", with_value(mnist_mlp(), "optimizer.lr", -1))
    with pytest.raises(UserError, match=r"config\.yaml: optimizer\.lr=-1: must be greater than 0"):
        resume(folder)


@pytest.mark.parametrize("role", ["baseline", "reference"])
def test_what_a_run_compares_itself_with_is_looked_at_too(tmp_path: Path, role: str, attack: dict[str, str]) -> None:
    """Their configs are made from overrides, which a folder's config holds as mere strings."""
    overrides = [f"+callbacks.evil.{key}={value}" for key, value in attack.items()]
    cfg = composed("experiment=svd_finetune", *SMALL_SVD)
    cfg.paths.baselines = str(tmp_path)
    if role == "baseline":
        cfg.baseline.overrides = overrides
    else:
        cfg = with_value(cfg, "references", [{"experiment": "mnist_mlp", "overrides": overrides}])
    validate(cfg)
    obtain = baseline.obtain if role == "baseline" else baseline.obtain_references
    with pytest.raises(UserError, match=rf"the {role} .*: callbacks\.evil\._target_={COPY}: refused"):
        obtain(cfg, lambda *_: pytest.fail("it was run"))


def test_a_finished_runs_network_is_looked_at_before_it_is_made(
    tmp_path: Path, attack: dict[str, str], proof: Path
) -> None:
    folder = make_folder(tmp_path / "run", with_value(mnist_mlp(), "model.net.hidden", [attack]))
    with pytest.raises(UserError, match=rf"config\.yaml: model\.net\.hidden\.0\._target_={COPY}: refused"):
        checkpoints.trained_net(folder)
    assert not proof.exists()


@pytest.mark.parametrize(("key", "value"), [("hydra", {"run": {"dir": "/"}}), ("trainer.model_registry", "evil/x")])
def test_what_is_no_setting_of_a_run_is_refused(key: str, value: Any) -> None:
    with pytest.raises(UserError, match=rf"{key}.*(unknown|must be None)|unknown key {key}"):
        validate(with_value(mnist_mlp(), key, value))


@holds("Overrides are settings")
def test_overrides_of_a_jobs_folder_are_settings_and_no_options(tmp_path: Path) -> None:
    kept = ["units=30", "data=digits", "++callbacks.x.hydra=1", "~callbacks.y"]
    foreign = ["--config-dir=/evil", "-cd=/evil", "hydra/launcher=evil", "+hydra.callbacks.x._target_=os.system"]
    (tmp_path / "overrides.yaml").write_text(OmegaConf.to_yaml([*foreign, *kept]))
    assert overrides_of(tmp_path) == kept


@holds("Overrides are settings")
@pytest.mark.parametrize("evil", ["hydra.run.dir=/", "++hydra.searchpath=[/evil]", "hydra/launcher=x", "-cd=/", "a=\n"])
def test_what_else_is_to_be_trained_is_told_by_settings(evil: str) -> None:
    for key, value in (
        ("references", [{"experiment": "mnist_mlp", "overrides": [evil]}]),
        ("baseline", {"experiment": "mnist_mlp", "overrides": [evil]}),
    ):
        with pytest.raises(UserError, match=rf"{key}\..*overrides\.0=.*must be a setting of an experiment"):
            validate(with_value(mnist_mlp(), key, value))


# ---------------------------------------------------------------------------------------------- what lies outside


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A folder of the user's, which is as it was when all is done."""
    folder = tmp_path / "victim"
    (folder / "deep").mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    (folder / "deep" / "best.ckpt").write_text("mine")
    yield folder
    left = {path.relative_to(folder): path.is_file() and path.read_text() for path in folder.rglob("*")}
    assert left == {Path("notes.txt"): "mine", Path("deep"): False, Path("deep/best.ckpt"): "mine"}


def with_state(folder: Path, **changes: Any) -> Path:
    """A last checkpoint whose ModelCheckpoint remembers these paths."""
    home = folder / "checkpoints"
    state = {
        "dirpath": str(home), "best_model_path": str(home / "best.ckpt"), "kth_best_model_path": "",
        "last_model_path": "", "best_k_models": {}, "best_model_score": torch.tensor(0.5), "monitor": "val/acc",
    }  # fmt: skip
    home.mkdir(parents=True, exist_ok=True)
    last = home / "last.ckpt"
    torch.save({"state_dict": {}, "epoch": 0, "callbacks": {"ModelCheckpoint{}": state | changes}}, last)
    return last


@holds("Files that a checkpoint names are those of its own folder")
@pytest.mark.parametrize(
    "key", ["best_model_path", "kth_best_model_path", "last_model_path", "best_k_models", "dirpath"]
)
@pytest.mark.parametrize(
    "path",
    [
        "{victim}", "local://{victim}", "file://{victim}/deep/best.ckpt", "{home}/../../victim",
        "x/../../../victim/deep/best.ckpt", "s3://bucket/best.ckpt",
    ],
)  # fmt: skip
def test_a_checkpoint_names_no_file_of_another_folder(tmp_path: Path, victim: Path, key: str, path: str) -> None:
    home = tmp_path / "run" / "checkpoints"
    named: Any = path.format(victim=victim, home=home)
    last = with_state(home.parent, **{key: {named: torch.tensor(0.5)} if key == "best_k_models" else named})
    with pytest.raises(UserError, match=r"last\.ckpt names files outside its folder"):
        checkpoints.RunCheckpointIO(home).load_checkpoint(last)


@pytest.mark.parametrize(
    "state",
    [
        {"best_model_path": "x.ckpt"}, {"best_model_path": "x.ckpt", "dirpath": 3}, {"best_model_path": ["x"]},
        {"best_k_models": [1]}, {"last_model_path": "/x.ckpt"}, {"dirpath": "/x"},
    ],
)  # fmt: skip
def test_a_checkpoint_with_a_state_that_is_none_is_refused(tmp_path: Path, state: dict[str, Any]) -> None:
    last = with_state(tmp_path)
    content = torch.load(last, weights_only=True)
    content["callbacks"]["ModelCheckpoint{}"] = state
    torch.save(content, last)
    with pytest.raises(UserError, match="names files outside its folder"):
        checkpoints.RunCheckpointIO(tmp_path / "checkpoints").load_checkpoint(last)


@holds("Files that a checkpoint names are those of its own folder")
def test_the_files_of_a_run_that_was_moved_are_found_where_they_are(tmp_path: Path) -> None:
    last = with_state(tmp_path, dirpath="/gone", best_model_path="/gone/best.ckpt", best_k_models={"/gone/a/b.ckpt": 1})
    state = checkpoints.RunCheckpointIO(last.parent).load_checkpoint(str(last))["callbacks"]["ModelCheckpoint{}"]
    assert state["dirpath"] == str(last.parent)
    assert state["best_model_path"] == str(last.parent / "best.ckpt")
    assert state["best_k_models"] == {str(last.parent / "a" / "b.ckpt"): 1}
    assert state["last_model_path"] == ""


def test_of_a_checkpoint_from_elsewhere_nothing_is_taken_to_be_chosen(tmp_path: Path, victim: Path) -> None:
    last = with_state(tmp_path, best_model_path=str(victim))
    assert checkpoints.RunCheckpointIO(tmp_path / "other").load_checkpoint(last)["callbacks"] == {}


@holds("Nothing outside the folder is written")
def test_no_checkpoint_is_written_or_removed_elsewhere(tmp_path: Path, victim: Path) -> None:
    home = tmp_path / "run" / "checkpoints"
    home.mkdir(parents=True)
    (home / "link").symlink_to(victim)
    for path in (
        victim,
        victim / "deep" / "best.ckpt",
        home / ".." / "x",
        home / "link" / "best.ckpt",
        f"local://{victim}",
    ):
        with pytest.raises(UserError, match="lies outside"):
            checkpoints.RunCheckpointIO(home).remove_checkpoint(path)
        with pytest.raises(UserError, match="lies outside"):
            checkpoints.RunCheckpointIO(home).save_checkpoint({}, path)
    checkpoints.RunCheckpointIO(home).save_checkpoint({}, home / "a" / "best.ckpt")
    checkpoints.RunCheckpointIO(home).remove_checkpoint(str(home / "a" / "best.ckpt"))
    assert not (home / "a" / "best.ckpt").exists()


def make_link(path: Path, victim: Path, kind: str) -> None:
    """In a run's folder something else than a file or a folder of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link to a file":
        path.symlink_to(victim / "notes.txt")
    elif kind == "link to a folder":
        path.symlink_to(os.path.relpath(victim, path.parent))
    elif kind == "link to nothing":
        path.symlink_to(victim / "new.txt")
    elif kind == "hard link":
        os.link(victim / "notes.txt", path)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")


def started_by_hydra(run: Path) -> None:
    """What is done before Hydra writes its notes to the folder; what that raises has to pass Hydra."""
    try:
        SweepEnd().on_run_start(OmegaConf.create({"resume": str(run), "hydra": {"run": {"dir": ""}}}))
    except JobFailed as failed:
        raise failed.__cause__ or failed from None


KINDS = ["link to a file", "link to a folder", "link to nothing", "hard link", "pipe", "device"]


@holds("A folder with a link that leads out of it")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["train.log", "checkpoints", "figures/curves.png", ".hydra", "checkpoints/last.ckpt"])
def test_a_folder_with_links_is_refused_before_anything_is_written(
    tmp_path: Path, victim: Path, part: str, kind: str
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text(OmegaConf.to_yaml(gan_config(), resolve=True))
    make_link(run / part, victim, kind)
    before = sorted(run.rglob("*"))
    attempts: list[Callable[[], Any]] = [
        lambda: started_by_hydra(run),
        lambda: checkpoint_to_resume(OmegaConf.create({"resume": str(run)}), run),
        lambda: generate.generate(generate.Settings(run=str(run))),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match=r"in it is (a (hard )?link|neither a file nor a folder)") as stop:
            attempt()
        assert "\n" not in str(stop.value)
    assert report_main([str(run)]) == 1
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_or_a_sweep_is_not_begun_among_links(tmp_path: Path, victim: Path, kind: str) -> None:
    make_link(tmp_path / "new" / "train.log", victim, kind)
    with pytest.raises(UserError, match=r"train\.log' in it is"):
        choose_folder(OmegaConf.create({"dir": str(tmp_path / "new")}))


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match="'loop' in it is a link that leads to itself"):
        refuse_links(tmp_path)


def test_links_within_a_folder_are_not_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "best.ckpt").touch()
    (run / "checkpoints" / "latest.ckpt").symlink_to("best.ckpt")
    (tmp_path / "newest").symlink_to(run)  # the user's own
    refuse_links(run)
    refuse_links(tmp_path / "newest")
    refuse_links(tmp_path / "absent")


@holds("A name is a name")
@pytest.mark.parametrize(
    "name", ["a\nrm -rf ~\n", "../x", "a/b", "a\\b", "..", ".x", "", "\x1b[2J", "\u202ex", "x" * 101, "\0"]
)
def test_a_name_is_one(name: str) -> None:
    for cfg in (
        with_value(mnist_mlp(), "name", name),
        with_value(with_value(mnist_mlp(), "data._target_", "dlhw.nets.mlp.MLP"), "data.dataset", name),
    ):
        with pytest.raises(UserError, match="must be a name") as stop:
            validate(cfg)
        assert explained(stop.value).isprintable()


@holds("A name is a name")
@pytest.mark.parametrize(
    "filename",
    ["../../x", "/tmp/x", "a/b", "..", ".x", "a\nb", "{epoch.__class__}", "{epoch:>999999999}", "{epoch!r}", "x\0", ""],
)  # fmt: skip
def test_the_name_of_a_checkpoint_is_no_path(filename: str) -> None:
    with pytest.raises(UserError, match=r"callbacks\.last\.filename=.* must be a file's name") as stop:
        validate(with_value(mnist_mlp(), "callbacks.last.filename", filename))
    assert explained(stop.value).isprintable()


@pytest.mark.parametrize("filename", ["last", "{epoch}-{step}", "epoch={epoch:02d} {val/acc:.4f}", None, "best.v1"])
def test_the_names_that_lightning_fills_in_are_not_refused(filename: str | None) -> None:
    validate(with_value(mnist_mlp(), "callbacks.last.filename", filename))


@pytest.mark.parametrize("dirpath", ["/tmp/x", "..", "s3://bucket", "checkpoints"])
def test_checkpoints_have_their_place(dirpath: str) -> None:
    with pytest.raises(UserError, match=r"callbacks\.checkpoint\.dirpath=.* must be null"):
        validate(with_value(mnist_mlp(), "callbacks.checkpoint.dirpath", dirpath))


@holds("Your own places are where")
def test_places_are_the_users(tmp_path: Path, victim: Path) -> None:
    cfg = composed("experiment=ibm_denoiser", "data=speech")
    cfg.data.root, cfg.data.path = str(victim), str(victim / "speech")
    cfg.paths.outputs = cfg.paths.baselines = str(victim)
    mine = {"root": str(tmp_path / "data"), "outputs": str(tmp_path / "outputs")}
    config = continued(make_folder(tmp_path / "run", cfg), **mine)
    assert config.paths == {"outputs": mine["outputs"], "baselines": f"{mine['outputs']}/baselines"}
    assert config.data.root == mine["root"]
    assert config.data.path == f"{mine['root']}/speech"


def test_data_that_need_no_folder_get_none(tmp_path: Path) -> None:
    assert continued(make_folder(tmp_path / "run", mnist_mlp())).data.root is None


@holds("Nothing is logged to a place")
@pytest.mark.parametrize(
    ("logger", "key", "value"),
    [
        ("mlflow", "tracking_uri_of_mine", "http://evil"),
        ("wandb", "settings", {"base_url": "http://evil"}), ("wandb", "project", "theirs"),
        ("tensorboard", "version", "../../victim"), ("mine", "_target_", "x.Y"),
    ],
)  # fmt: skip
def test_where_a_run_is_logged_to_is_not_for_its_folder_to_say(
    tmp_path: Path, logger: str, key: str, value: Any
) -> None:
    section = {} if logger == "mine" else OmegaConf.to_container(composed(f"logger={logger}").logger[logger])
    cfg = with_value(mnist_mlp(), "logger", {logger: {k: str(v) for k, v in section.items()} | {key: value}})
    folder = make_folder(tmp_path / "run", mnist_mlp())
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg).replace("${", "$-{"))
    with pytest.raises(UserError, match=rf"config\.yaml: logger\.{logger}\..*choose a logger anew beside resume="):
        continued(folder)


@holds("Nothing is logged to a place")
def test_loggers_go_on_in_the_users_places(tmp_path: Path) -> None:
    cfg = mnist_mlp()
    for name in ("mlflow", "tensorboard"):
        shipped = OmegaConf.to_container(composed(f"logger={name}").logger[name])
        places = {key: "/victim" for key, value in shipped.items() if "${" in str(value)}
        cfg = with_value(cfg, f"logger.{name}", shipped | places)
    loggers = OmegaConf.to_container(continued(make_folder(tmp_path / "run", cfg)).logger)
    assert set(loggers) == {"mlflow", "tensorboard"}
    assert "/victim" not in str(loggers)


def test_a_baseline_is_logged_nowhere(tmp_path: Path) -> None:
    cfg = composed("experiment=svd_finetune", *SMALL_SVD)
    cfg.baseline.overrides = [*cfg.baseline.overrides, "logger=wandb", "++logger.wandb.settings.base_url=http://evil"]
    assert baseline.baseline_config(cfg).logger == {}


# ---------------------------------------------------------------------------------------------- bombs

LAUGHS = "\n".join(["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)])
BOMBS = {
    "laughs": LAUGHS,
    "merged laughs": "a: &a {x: 1}\nb: {<<: *a}",
    "merged": "a: {<<: [" + "{b: 1}, " * 10_000 + "]}",
    "values of values": "a: " + "${a." * 10_000 + "}" * 10_000,
    "deep": "a: " + "[" * 5000,
    "deep blocks": "\n".join(" " * n + "a:" for n in range(40)),
    "large": "a: 1\n" + "#" * 10_000_000,
    "many digits": "a: " + "9" * 50_000,
    "base 60": "a: 1" + ":59" * 20_000 + ".0",
    "no text": "a: \x00",
    "a wrong tag": "a: !!int x",
    "another": "a: !!timestamp x",
}


@holds("A config, a list of overrides or a record")
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_what_would_take_endless_time_is_refused(tmp_path: Path, bomb: str) -> None:
    """By all who read a config or overrides; and the gallery and the sweep's report show what else there is."""
    outputs = tmp_path / "outputs"
    for folder in ("bad", "good", "multirun/0/bad", "multirun/0/good"):
        (outputs / "x" / folder).mkdir(parents=True)
        name = "overrides.yaml" if "multirun" in folder else "config.yaml"
        (outputs / "x" / folder / name).write_text("[]" if "good" in folder else bomb)
        (outputs / "x" / folder / "results.json").write_text(json.dumps({"experiment": "x"}))
    bad = outputs / "x" / "bad"
    (bad / "overrides.yaml").write_text(bomb)
    attempts: list[Callable[[], Any]] = [
        lambda: continued(bad),
        lambda: generate.generate(generate.Settings(run=str(bad))),
        lambda: denoise.denoise(denoise.Settings(run=str(bad), input=str(bad / "config.yaml"))),
        lambda: checkpoints.trained_net(bad),
        lambda: overrides_of(bad),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="cannot be read") as stop:
            attempt()
        assert len(str(stop.value)) < 600
        assert "\n" not in str(stop.value)
    entries = {entry.folder.name: entry.status for entry in find_entries(outputs)}
    assert entries == {"bad": "unreadable", "good": "finished", "0": "unfinished"}
    summary = sweep_report(outputs / "x" / "multirun" / "0")
    assert (summary.num_jobs, summary.num_failed) == (2, 1)


@holds("A config, a list of overrides or a record")
def test_a_value_that_no_float_can_hold_hides_no_other_job(tmp_path: Path) -> None:
    for units in (30, 10**400):
        job = tmp_path / "multirun" / "0" / str(units)[:4]
        job.mkdir(parents=True)
        (job / "overrides.yaml").write_text(f"- units={units}\n")
        (job / "results.json").write_text(f'{{"experiment": "x", "metrics": {{"test/acc": {units}}}}}')
    assert sweep_report(tmp_path / "multirun" / "0").num_jobs == 2
    (entry,) = find_entries(tmp_path)
    assert entry.status == "finished"


@holds("A config, a list of overrides or a record")
def test_folders_without_end_are_not_looked_through(tmp_path: Path) -> None:
    below = tmp_path.joinpath(*"abcdefghijklmnopqrstuvwxyz")
    for folder in (tmp_path / "good", below):
        folder.mkdir(parents=True)
        (folder / "results.json").write_text('{"experiment": "x"}')
    assert [entry.folder.name for entry in find_entries(tmp_path)] == ["good"]


@holds("A config, a list of overrides or a record")
def test_a_figure_that_is_named_endlessly_is_not_shown_endlessly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_page, "MOST_EMBEDDED", 10_000)
    (tmp_path / "a.png").write_bytes(bytes(1000))
    for num, code in ((10, 0), (11, 1)):
        (tmp_path / "results.json").write_text(json.dumps({"experiment": "x", "figures": [{"file": "a.png"}] * num}))
        assert report_main([str(tmp_path)]) == code
    assert "its figures and sounds take more than 10,000 bytes" in error_line(capsys.readouterr().err)


RECORDS = {"deep": "[" * 200_000, "many digits": '{"experiment": ' + "9" * 50_000 + "}", "no UTF-8": '"\udcff"'}


@holds("A config, a list of overrides or a record")
@pytest.mark.parametrize("record", [*RECORDS.values(), None], ids=[*RECORDS, "endless"])
def test_a_record_that_would_take_endless_time_is_refused(tmp_path: Path, record: str | None) -> None:
    outputs = tmp_path / "outputs"
    for name in ("bad", "good"):
        (outputs / "x" / name).mkdir(parents=True)
        (outputs / "x" / name / "results.json").write_text('{"experiment": "x"}')
    file = outputs / "x" / "bad" / "results.json"
    if record is None:  # a hole in a file takes no space on the disk
        os.truncate(file, 2**40)
    else:
        file.write_text(record, errors="surrogateescape")
    (outputs / "x" / "bad" / "config.yaml").write_text(OmegaConf.to_yaml(gan_config(), resolve=True))
    assert {entry.folder.name: entry.status for entry in find_entries(outputs)} == {
        "bad": "unreadable",
        "good": "finished",
    }
    assert report_main([str(file.parent)]) == 1
    with pytest.raises(UserError, match=r"results\.json cannot be read"):
        checkpoints.tested(file.parent)
    (file.parent / "checkpoints").mkdir()
    (file.parent / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(UserError, match=r"results\.json cannot be read"):
        generate.generate(generate.Settings(run=str(file.parent)))


@holds("A checkpoint whose content")
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_checkpoint_with_changed_bytes_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {"net.weight": torch.rand(100, 100)}, "epoch": 0}, path)
    checkpoints.load(path)
    content = bytearray(path.read_bytes())
    place = slice(int(share * len(content)), int(share * len(content)) + 64)
    content[place] = bytes(255 - byte for byte in content[place])
    path.write_bytes(content)
    assert "state_dict" in torch.load(path, weights_only=True), "PyTorch itself does not see it"
    with pytest.raises(UserError, match="is corrupt or not one of dlhw's"):
        checkpoints.load(path)


@holds("A checkpoint whose content")
def test_whichever_byte_is_changed_the_content_is_the_same_or_refused(tmp_path: Path) -> None:
    """Also in what the archive says of its parts, which no checksum covers."""
    path = tmp_path / "last.ckpt"
    weights = torch.rand(3, 3)
    torch.save({"state_dict": {"w": weights}, "epoch": 0}, path)
    whole = path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([255 - whole[place]]) + whole[place + 1 :])
        try:
            content = checkpoints.load(path)
        except UserError:
            refused += 1
        else:
            assert content["epoch"] == 0, place
            assert torch.equal(content["state_dict"]["w"], weights), place
    assert refused > len(whole) / 4


@pytest.mark.parametrize("attack", ["packed", "hole", "no tensor", "none", "list"])
def test_a_checkpoint_that_is_more_than_it_seems_is_refused(tmp_path: Path, attack: str) -> None:
    path = tmp_path / "last.ckpt"
    weights: Any = {"no tensor": {"net.weight": "x"}, "none": None, "list": [1]}.get(attack, {"a": torch.zeros(10**6)})
    torch.save({"state_dict": weights, "epoch": 0}, path)
    if attack == "packed":
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        assert path.stat().st_size < 10**5
        assert "state_dict" in torch.load(path, weights_only=True)
    elif attack == "hole":
        os.truncate(path, 2**42)
    with pytest.raises(UserError, match="is corrupt or not one of dlhw's"):
        checkpoints.load(path)


@holds("An array or an archive that says")
@pytest.mark.parametrize("load", [lambda file: npz.load(file, {}, 10), face_files.load])
def test_an_archive_larger_than_the_memory_is_refused(
    tmp_path: Path, load: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "memory", lambda: 10**6)
    names = ("x_train", "y_train", "x_test", "y_test", "images")
    np.savez_compressed(tmp_path / "bomb.npz", **{name: np.zeros(10**6, np.uint8) for name in names})  # type: ignore[arg-type]
    assert (tmp_path / "bomb.npz").stat().st_size < 10**4
    with pytest.raises(UserError, match="more than half of the memory"):
        load(tmp_path / "bomb.npz")


@holds("An array or an archive that says")
@pytest.mark.parametrize("suffix", [".npz", ""])
def test_an_array_of_an_absurd_shape_is_refused(tmp_path: Path, suffix: str) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**15, 28, 28)})
    path = tmp_path / f"data{suffix}"
    if not suffix:
        path.mkdir()
    for name in ("x_train", "y_train", "x_test", "y_test"):
        if suffix:
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(f"{name}.npy", header.getvalue())
        else:
            (path / f"{name}.npy").write_bytes(header.getvalue())
    with pytest.raises(UserError, match="cannot be read"):
        npz.load(path, {}, 10)


@holds("An array or an archive that says")
@pytest.mark.parametrize("experiment", ["mnist_mlp", "face_autoencoder"])
def test_data_without_an_end_are_refused(experiment: str) -> None:
    cfg = composed(f"experiment={experiment}", "data=faces" if experiment == "face_autoencoder" else "data=npz")
    with pytest.raises(UserError, match=r"data\.path=/dev/zero is neither a file nor a folder"):
        validate(with_value(cfg, "data.path", "/dev/zero"))


@holds("An array or an archive that says")
def test_a_pipe_among_the_data_is_passed_by(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x_train.npy")
    os.mkfifo(tmp_path / "noisy.wav")
    assert npz.npy_files(tmp_path) == []
    with pytest.raises(UserError, match=r"noisy\.wav cannot be read"):
        audio_read.read(tmp_path / "noisy.wav")
    with pytest.raises(UserError, match="no WAV or FLAC file"):
        denoise.pairs(tmp_path, None)


@holds("A list of sounds names")
@pytest.mark.parametrize("path", ["../private.wav", "{tmp}/private.wav", "a/../../private.wav"])
def test_a_manifest_names_no_sound_of_another_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "private.wav").write_bytes(wav_bytes(torch.zeros(100), 8000))
    (tmp_path / "mine" / "a").mkdir(parents=True)
    kinds = [(kind, split) for kind in ("clean", "noise") for split in ("train", "valid", "test")]
    rows = [f"{path.format(tmp=tmp_path)},{kind},{split},x" for kind, split in kinds]
    (tmp_path / "mine" / "manifest.csv").write_text("\n".join(["path,kind,split,speaker_or_type", *rows]))
    with pytest.raises(UserError, match=r"manifest\.csv: path .* leads out of the folder"):
        speech_manifest.read(tmp_path / "mine")


# ---------------------------------------------------------------------------------------------- reports


@holds("A report shows figures, sounds and texts of the folder alone")
@pytest.mark.parametrize("how", ["..", "absolute", "link", "link to the folder"])
def test_a_report_holds_nothing_from_elsewhere(tmp_path: Path, how: str) -> None:
    """A run's, its entry of the gallery, and a sweep's."""
    private, outputs = tmp_path / "private", tmp_path / "outputs"
    (private / "figures").mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(private / "figures" / "curves.png")
    image = (private / "figures" / "curves.png").read_bytes()
    sound = wav_bytes(torch.zeros(100), 8000)
    (private / "sound.wav").write_bytes(sound)
    for name in ("config.yaml", "overrides.yaml", "metrics.csv"):
        (private / name).write_text("- secret=1\n")
    sweep = outputs / "multirun" / "0"
    run = sweep / "job"
    run.mkdir(parents=True)
    up = {"..": "../../../../private", "absolute": str(private)}.get(how, "figures")
    figure, wav = (
        (f"{up}/figures/curves.png", f"{up}/sound.wav")
        if how in ("..", "absolute")
        else ("figures/curves.png", "figures/s.wav")
    )
    if how == "link":
        (run / "figures").mkdir()
        (run / "figures" / "curves.png").symlink_to(private / "figures" / "curves.png")
        (run / "figures" / "s.wav").symlink_to(private / "sound.wav")
    elif how == "link to the folder":
        (run / "figures").symlink_to(private / "figures")
    for name in ("config.yaml", "overrides.yaml", "metrics.csv"):
        (run / name).symlink_to(private / name)
    record = {
        "experiment": "x", "sweep": {"y": [], "pictures": ["curves", f"../{up}/figures/curves"]},
        "figures": [{"file": figure}, {"file": f"figures/../{up}/figures/curves.png"}],
        "sounds": [{"title": "s", "versions": [{"label": "a", "file": wav}]}],
    }  # fmt: skip
    (run / "results.json").write_text(json.dumps(record))
    pages = [run_report(run), sweep_report(sweep).paths["report"], write_index(sweep)]
    for page in pages:
        text = page.read_text()
        assert "data:image" not in text
        assert "data:audio" not in text
        assert "secret" not in text
        assert base64.b64encode(image).decode() not in text


# ---------------------------------------------------------------------------------------------- pickles


@holds("Nothing is unpickled")
@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_no_checkpoint_is_unpickled(tmp_path: Path, proof: Path, how: str) -> None:
    """By whatever loads one: a resumed run, a run from a file or from a baseline, a judge, samples, denoising."""
    resumed = make_folder(tmp_path / "resumed", mnist_mlp())
    plant(resumed / "checkpoints" / "last.ckpt", proof, how)

    fresh = mnist_mlp()
    fresh.ckpt_path = str(resumed / "checkpoints" / "last.ckpt")

    finetuned = composed("experiment=svd_finetune", *SMALL_SVD)
    finetuned.paths.baselines = str(tmp_path / "baselines")
    spec = baseline.baseline_config(finetuned)
    name = f"{spec.name}-{spec.data.dataset}-seed{spec.seed}-{baseline.fingerprint(spec)}"
    trained = make_folder(tmp_path / "baselines" / name, spec)
    plant(trained / "checkpoints" / "best.ckpt", proof, how)
    (trained / "results.json").write_text('{"checkpoint": {"path": "checkpoints/best.ckpt"}, "metrics": {}}')

    gan = make_folder(tmp_path / "gan", gan_config())
    plant(gan / "checkpoints" / "last.ckpt", proof, how)
    denoiser = make_run(tmp_path / "denoiser")
    plant(denoiser / "checkpoints" / "best.ckpt", proof, how)
    (tmp_path / "noisy.wav").touch()

    attempts: dict[str, Callable[[], Any]] = {
        "resume=": lambda: resume(resumed),
        "ckpt_path=": lambda: cli.run_job(fresh, new_folder(tmp_path)),
        "a baseline": lambda: cli.run_job(finetuned, new_folder(tmp_path)),
        "a judge": lambda: checkpoints.trained_net(trained),
        "generate": lambda: generate.generate(generate.Settings(run=str(gan))),
        "denoise": lambda: denoise.denoise(
            denoise.Settings(run=str(denoiser), input=str(tmp_path / "noisy.wav"), output=str(tmp_path / "clean.wav"))
        ),
    }
    for loader, attempt in attempts.items():
        with pytest.raises(UserError, match="is corrupt or not one of dlhw's") as stop:
            attempt()
        assert "\n" not in str(stop.value), loader
        assert not proof.exists(), loader


@holds("Arrays, images and recordings are read as numbers")
@pytest.mark.parametrize("load", [lambda file: npz.load(file, {}, 10), face_files.load])
@pytest.mark.parametrize("suffix", [".npz", ""])
def test_no_array_is_unpickled(tmp_path: Path, proof: Path, load: Callable[[Path], Any], suffix: str) -> None:
    """Neither from a `.npz` nor from a folder of `.npy`, as images or as labels."""
    names = ("x_train", "y_train", "x_test", "y_test", "images", "people")
    evil = {name: np.array([Malicious(proof)] * 12, dtype=object) for name in names}
    path = tmp_path / f"data{suffix}"
    if suffix:
        np.savez(path, **evil)  # type: ignore[arg-type]
    else:
        path.mkdir()
        for name, array in evil.items():
            np.save(path / f"{name}.npy", array, allow_pickle=True)
    if suffix:
        with np.load(path, allow_pickle=True) as trusted:
            trusted["x_train"]
    else:
        np.load(path / "x_train.npy", allow_pickle=True)
    assert proof.exists(), "a loader that trusts the file runs the code"
    proof.unlink()
    with pytest.raises(UserError) as stop:
        load(path)
    assert "\n" not in str(stop.value)
    assert not proof.exists()


@pytest.mark.parametrize("content", [pickle.dumps, lambda evil: b"PK\x03\x04" + pickle.dumps(evil)])
def test_a_pickle_that_calls_itself_npz_is_not_loaded(tmp_path: Path, proof: Path, content: Any) -> None:
    (tmp_path / "data.npz").write_bytes(content({"x_train": Malicious(proof)}))
    for load in (lambda file: npz.load(file, {}, 10), face_files.load):
        with pytest.raises(UserError, match="cannot be read"):
            load(tmp_path / "data.npz")
    assert not proof.exists()


def test_the_pickled_faces_of_a_folder_that_only_a_config_names_are_not_loaded(tmp_path: Path, proof: Path) -> None:
    """Scikit-learn keeps Olivetti's as a pickle; a given run's config could name a given folder of such."""
    joblib.dump(Malicious(proof), tmp_path / "olivetti_py3.pkz")
    joblib.load(tmp_path / "olivetti_py3.pkz")
    assert proof.exists()
    proof.unlink()
    faces = composed("experiment=face_autoencoder", "data=faces")
    faces.data.root = str(tmp_path)
    folder = make_folder(tmp_path / "run", faces)
    assert continued(folder, root=str(tmp_path / "mine")).data.root == str(tmp_path / "mine")


@pytest.mark.parametrize("option", ["--experimental-rerun", "--exp"])
def test_hydras_own_pickles_are_not_loaded(
    tmp_path: Path, proof: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    (tmp_path / "config.pickle").write_bytes(pickle.dumps(Malicious(proof)))
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr("sys.argv", ["train.py", f"{option}={tmp_path / 'config.pickle'}"])
    line = refused(lambda _: cli.main(lambda: pytest.fail("Hydra was started")))
    assert "it loads a pickle" in line
    assert not proof.exists()


# ---------------------------------------------------------------------------------------------- the sources

BUILTINS = ("eval", "exec", "compile", "__import__")
NEVER = (
    ".import_module", "os.system", "os.popen", "pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load",
    "yaml.load", "yaml.unsafe_load", "yaml.full_load", "hub.load", "jit.load", ".read_pickle", ".load_from_checkpoint",
)  # fmt: skip
ONLY_WITH = {"torch.load": "weights_only=True", "np.load": "allow_pickle=False", "NpzFile": "allow_pickle=False"}


def dangers(source: str) -> list[str]:
    """The calls in a source that may run what a file or a string holds; `partial` of a function is a call of it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in ("partial", "functools.partial"):
            name = ast.unparse(node.args[0])
        given = {ast.unparse(keyword) for keyword in node.keywords}
        needs = {keyword for end, keyword in ONLY_WITH.items() if name.endswith(end)}
        shell = any(keyword.startswith("shell=") for keyword in given)
        if name in BUILTINS or name.endswith(NEVER) or not needs <= given or shell:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize(
    "call",
    [
        "eval(x)", "exec(x)", "os.system(x)", "pickle.load(f)", "joblib.load(f)", "torch.load(f)",
        "partial(np.load, f)", "torch.load(f, weights_only=False)", "np.load(f, allow_pickle=True)",
        "np.load(f)", "np.lib.npyio.NpzFile(f, allow_pickle=True)",
        "subprocess.run(x, shell=True)", "importlib.import_module(x)", "yaml.load(f, Loader)",
    ],
)  # fmt: skip
def test_dangerous_calls_are_found(call: str) -> None:
    assert dangers(call)


def test_no_source_loads_a_pickle_or_starts_a_shell() -> None:
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py"), *ROOT.glob("*.py")]
    assert len(files) > 100
    found = [file for file in files if dangers(file.read_text(encoding="utf-8"))]
    assert found == [Path(targets.__file__)], "which imports what it has not refused"


def test_only_what_was_looked_at_is_instantiated() -> None:
    """Who instantiates gets a config from `run`, which is given valid ones, or a section from `own_network`."""
    files = [*(ROOT / "src").rglob("*.py")]
    users = {file.name for file in files if re.search(r"import .*\binstantiate\b", file.read_text(encoding="utf-8"))}
    assert users == {"run.py", "loggers.py", "checkpoints.py", "sampling.py", "recordings.py"}
