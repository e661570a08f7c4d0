from pathlib import Path

from sapnet.data.formats.assemble import AssembleOptions, assemble
from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.source_images import find_images
from sapnet.structures.clicks import Category, ClickSet

SQUARE = ((10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0))


def mark(category: str = "cat", **fields: object) -> Mark:
    return Mark(place="here", reference="a.jpg", category=category, **fields)  # type: ignore[arg-type]


def run(
    *marks: Mark,
    folder: Path | None = None,
    size: tuple[int, int] | None = (48, 64),
    options: AssembleOptions | None = None,
    categories: tuple[Category, ...] = (),
) -> tuple[ClickSet, Findings]:
    findings = Findings()
    source = Source((SourceImage("a.jpg", size, "list"),), categories, marks)
    options = options or AssembleOptions()
    images = find_images(source, ImageFolder(folder), findings)
    return assemble(source, images, findings, options), findings


def test_points_on_the_border_are_moved_in_and_others_are_lost() -> None:
    points = ((64.0, 10.0), (-0.4, 48.0), (5.0, 5.0), (66.0, 5.0))
    clicks, findings = run(mark(points=points))
    assert clicks.clicks[0].points == ((63.5, 10), (0, 47.5), (5, 5))
    assert findings.lines() == [
        "skipped: 1 x points outside their image (here: (66, 5) on 64 x 48)",
        "noted: 2 x points on the border, moved into their image (here; here)",
    ]


def test_categories_keep_their_ids_and_new_ones_follow() -> None:
    declared = (Category(5, "dog"), Category(2, "bird"))
    point = ((1.0, 1.0),)
    clicks, _ = run(mark("cat", points=point), mark("dog", points=point), categories=declared)
    assert [(c.category_id, c.name) for c in clicks.categories] == [
        (2, "bird"),
        (5, "dog"),
        (6, "cat"),
    ]
    assert [click.category_id for click in clicks.clicks] == [6, 5]


def test_ids_are_kept_where_all_objects_have_one() -> None:
    point = ((1.0, 1.0),)
    kept, _ = run(mark(points=point, annotation_id=9), mark(points=point, annotation_id=4))
    assert [click.annotation_id for click in kept.clicks] == [9, 4]
    mixed, _ = run(mark(points=point, annotation_id=9), mark(points=point))
    assert [click.annotation_id for click in mixed.clicks] == [1, 2]


def test_points_only() -> None:
    shape = mark(box=(10, 10, 20, 20), polygons=(SQUARE,))
    clicks, _ = run(shape, options=AssembleOptions(points_only=True))
    assert clicks.clicks[0].box is None
    assert clicks.clicks[0].mask is None
    assert clicks.clicks[0].points


def test_negative_category() -> None:
    marks = [
        mark(points=((1.0, 1.0),), group=1),
        mark("not", points=((30.0, 30.0),), group=1),
        mark("not", points=((31.0, 31.0),), group=2),
        mark("not", points=((32.0, 32.0),)),
    ]
    options = AssembleOptions(negative_category="not")
    clicks, findings = run(*marks, options=options)
    assert [c.name for c in clicks.categories] == ["cat"]
    assert clicks.clicks[0].negative_points == ((30, 30),)
    assert findings.lines()[0].startswith("skipped: 2 x points of 'not' without an object")


def test_empty_images_are_kept_or_dropped() -> None:
    kept, findings = run()
    assert len(kept.images) == 1
    assert "kept as empty" in findings.lines()[0]
    dropped, findings = run(options=AssembleOptions(drop_empty=True))
    assert dropped.images == ()
    assert "left out" in findings.lines()[0]
