"""Files from somebody else: nothing in them is unpickled, and nothing that they name is called.

Each attack, were it to succeed, would leave a file behind: the proof.
"""

import ast
import copy
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import yaml
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from dlhw import baseline, checkpoints, cli, denoise, generate, run_folder, targets
from dlhw.config import CONF, compose_config
from dlhw.data import face_files, npz
from dlhw.errors import UserError
from dlhw.schema import validate
from dlhw.search import overrides_of
from tests.helpers import DIGITS, ROOT, SMALL_SVD, error_line
from tests.test_checkpoints import Malicious, plant
from tests.test_denoise import make_run
from tests.test_generate import config as gan_config

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
    cli.run_job(cli.continued(folder, Path("data")), folder)


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
    assert targets.shipped.__wrapped__() == targets.LIBRARIES | {"dlhw.nets.x.Y"}


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


PLACES = [
    "model", "model.net", "model.loss", "optimizer", "scheduler", "data", "trainer.plugins", "trainer", "logger.csv",
    "callbacks.evil", "callbacks.checkpoint", "callbacks.checkpoint.monitor", "start", "paths.more",
]  # fmt: skip


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
        assert not targets.is_allowed(other)


MINE = ["experiment=mnist_mlp", "data=digits", "+callbacks.kill._target_=tests.kill.KillAtStep"]


@pytest.mark.parametrize(("trusted", "names_it"), [("tests", False), (" other., tests.kill. ", False), ("", True)])
def test_the_users_environment_says_what_is_trusted(train, trusted: str, names_it: bool) -> None:
    done = train(*MINE, env={"DLHW_TRUST_TARGETS": trusted}, script="tests/without_torch.py")
    line = error_line(done.stderr)
    assert ("callbacks.kill._target_=tests.kill.KillAtStep: refused" in line) == names_it
    assert ("import of torch halted" in line) != names_it  # what is allowed goes on to need it


def test_a_config_cannot_trust_itself(train) -> None:
    env_set = "+hydra.job.env_set.DLHW_TRUST_TARGETS=tests"
    done = train(*MINE, env_set, env={"DLHW_TRUST_TARGETS": ""}, script="tests/without_torch.py")
    assert "KillAtStep: refused" in error_line(done.stderr)


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
        ("model: 3\nname: 3", "name=3: must be a valid string"),
        ("model: [1]", "Index 'net'"),
        ('name: "\\x24{oc.env:HOME}"', "must be a plain value"),
        ("callbacks: {x: {_target_: '${oc.env:HOME}'}}", "must be a plain value"),
        ("callbacks: ${oc.create:{_target_:os.system}}", "must be a plain value"),
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


def test_overrides_of_a_jobs_folder_are_settings_and_no_options(tmp_path: Path) -> None:
    kept = ["units=30", "data=digits", "++callbacks.x.hydra=1", "~callbacks.y"]
    foreign = ["--config-dir=/evil", "-cd=/evil", "hydra/launcher=evil", "+hydra.callbacks.x._target_=os.system"]
    (tmp_path / "overrides.yaml").write_text(OmegaConf.to_yaml([*foreign, *kept]))
    assert overrides_of(tmp_path) == kept


# ---------------------------------------------------------------------------------------------- pickles


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
    (trained / "results.json").write_text('{"checkpoint": {"path": "checkpoints/best.ckpt"}}')

    gan = make_folder(tmp_path / "gan", gan_config())
    plant(gan / "checkpoints" / "last.ckpt", proof, how)
    denoiser = make_run(tmp_path / "denoiser")
    plant(denoiser / "checkpoints" / "best.ckpt", proof, how)
    (tmp_path / "noisy.wav").touch()

    attempts: dict[str, Callable[[], Any]] = {
        "resume=": lambda: resume(resumed),
        "ckpt_path=": lambda: cli.run_job(fresh, make_folder(tmp_path / "fresh", fresh)),
        "a baseline": lambda: cli.run_job(finetuned, make_folder(tmp_path / "finetuned", finetuned)),
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
    with pytest.raises(UserError, match=rf"data\.root={tmp_path}: .*pickled.*DLHW_DATA_DIR"):
        resume(folder)
    assert not proof.exists()
    assert cli.continued(folder, tmp_path).data.root == str(tmp_path), "the folder that the user names is"


def test_a_picture_of_faces_needs_no_trust(tmp_path: Path) -> None:
    for key, value in (("path", str(tmp_path)), ("dataset", "synthetic_faces")):
        faces = composed("experiment=face_autoencoder", "data=faces")
        faces.data.update({"root": "elsewhere", key: value})
        assert (
            run_folder.config_to_resume(make_folder(tmp_path / key, faces), Path("data"))["data"]["root"] == "elsewhere"
        )


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
    assert {str(file): found for file in files if (found := dangers(file.read_text()))} == {}


def test_only_what_was_looked_at_is_instantiated() -> None:
    """Who instantiates gets a config from `run`, which is given valid ones, or a section from `own_network`."""
    users = {file.name for file in (ROOT / "src").rglob("*.py") if "import instantiate" in file.read_text()}
    assert users == {"run.py", "checkpoints.py", "sampling.py", "recordings.py"}
