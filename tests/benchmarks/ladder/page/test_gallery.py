from dataclasses import replace

import pytest

from benchmarks.ladder.page.file import LadderFolder
from benchmarks.ladder.page.gallery import WorstInputs, draw_worst
from sapnet.data.coco import load_instances
from sapnet.evaluation.label_file import load_labels
from sapnet.evaluation.per_object import judge_objects
from sapnet.store.reader import ProposalStore


@pytest.fixture
def inputs(ladder_folder: LadderFolder) -> WorstInputs:
    return WorstInputs(
        ladder_folder.images,
        load_instances(ladder_folder.truth),
        ProposalStore(ladder_folder.proposals),
        num_objects=4,
    )


def test_the_worst_come_first_with_what_they_are(
    ladder_folder: LadderFolder, inputs: WorstInputs
) -> None:
    labels = load_labels(ladder_folder.labels("mil"))

    rows = draw_worst(labels, inputs)

    judged = sorted((o.label_iou, o.annotation_id) for o in judge_objects(labels, inputs.truth))
    assert [(row.iou, row.annotation_id) for row in rows] == judged[:4]
    # The labels of this system are parts wherever there are parts.
    assert inputs.store is not None
    for row in rows:
        prompts = inputs.store.find(row.annotation_id).proposals.prompts
        assert row.kind in prompts
        assert row.kind == "part" or "part" not in prompts
    assert {len(row.candidates) for row in rows} == {1}
    assert all(row.truth is not None and row.refined is None for row in rows)
    assert rows == draw_worst(labels, inputs)


def test_without_a_store_the_kinds_are_unknown(
    ladder_folder: LadderFolder, inputs: WorstInputs
) -> None:
    labels = load_labels(ladder_folder.labels("mil"))
    rows = draw_worst(labels, replace(inputs, store=None))
    assert {row.kind for row in rows} == {None}


def test_candidates_and_boxes_do_not_widen_the_picture(
    ladder_folder: LadderFolder, inputs: WorstInputs
) -> None:
    labels = load_labels(ladder_folder.labels("mil"))
    boxed = {key: replace(x, refined_box=(0, 0, 96, 96)) for key, x in labels.labels.items()}
    assert draw_worst(replace(labels, labels=boxed), inputs) == draw_worst(labels, inputs)


def test_no_labels(ladder_folder: LadderFolder, inputs: WorstInputs) -> None:
    labels = load_labels(ladder_folder.labels("mil"))
    assert draw_worst(replace(labels, labels={}), inputs) == ()
    assert draw_worst(labels, replace(inputs, num_objects=0)) == ()
