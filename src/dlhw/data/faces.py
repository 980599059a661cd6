"""Faces in memory, split by person: Olivetti, anyone's own, and generated ones."""

from pathlib import Path
from typing import Any

import torch

from dlhw.data import face_files, synthetic_faces
from dlhw.data.face_files import Faces
from dlhw.data.idx import content_hash
from dlhw.data.memory import MemoryData, Part
from dlhw.data.split import split_rows
from dlhw.errors import UserError


class FaceData(MemoryData):
    """Faces as (batch, 1, 64, 64) in 0..1, and who they are of.

    Split by person nobody is in two parts; split by picture the parts have people in common, and a network is judged
    on people that it knows.

    Args:
        dataset: faces (Olivetti, or what `path` holds) or synthetic_faces.
        root: the folder that holds, or is to hold, scikit-learn's `olivetti_py3.pkz`.
        path: a folder of images, in it a folder for each person, or a `.npz` file; None for Olivetti.
        crop: the middle square of images that are not square; left out otherwise.
        split: person or picture.
        val_share, test_share: of the people, or of the pictures.
        num_features: pixels of a face.
        settings: those of `MemoryData`.
    """

    def __init__(
        self,
        dataset: str,
        root: str | None,
        path: str | None,
        crop: bool,
        split: str,
        val_share: float,
        test_share: float,
        split_seed: int,
        num_features: int,
        **settings: Any,
    ) -> None:
        super().__init__(title="faces", **settings)
        self.dataset, self.root, self.path, self.crop = dataset, Path(root or "."), path, crop
        self.split, self.split_seed = split, split_seed
        self.val_share, self.test_share = val_share, test_share

    def read(self) -> dict[str, Part]:
        faces = self._faces()
        self.title, self.skipped = faces.title, faces.skipped
        if faces.people is None and self.split == "person":
            raise UserError(
                f"data.path={self.path}: nothing tells who is on which picture; give each person a folder of their "
                "own (or a .npz an array `people`), or set data.split=picture"
            )
        people = torch.zeros(len(faces.images)).long() if faces.people is None else faces.people
        self.class_names = [f"person {number + 1}" for number in range(int(people.max()) + 1)]
        self.sha256 = content_hash(faces.images, people)
        by_person = self.split == "person"
        units, what = (people, "people") if by_person else (torch.arange(len(people)), "pictures")
        return {
            name: (faces.images[rows], people[rows])
            for name, rows in split_rows(units, self.val_share, self.test_share, self.split_seed, what).items()
        }

    def _faces(self) -> Faces:
        if self.dataset == "synthetic_faces":
            images, people = synthetic_faces.generate()
            return Faces(images, people, synthetic_faces.TITLE, ())
        return face_files.olivetti(self.root) if self.path is None else face_files.load(Path(self.path), self.crop)

    def preprocessing(self) -> str:
        skipped = f", {len(self.skipped)} left out" if self.skipped else ""
        return f"64 x 64 grey pixels in 0..1, split by {self.split} (seed {self.split_seed}){skipped}"
