"""Every timed piece runs once: what it calls still exists, and clean traffic stays clean."""

from benchmarks import micro


def test_every_piece_works(compiled):
    titles = []
    for piece in micro.pieces(compiled):
        piece.work()
        titles.append(piece.title)
    assert len(set(titles)) == len(titles) > 10
