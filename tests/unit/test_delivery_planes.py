"""What a data plane is sent next: the newest alone, in the smallest form it can take, and never the same mistake."""

from costward_operator.delivery.planes import Account, Plane

PLANE = Plane(Account("ns", "sa"), "node", "1", None)


def test_one_that_holds_nothing_is_sent_the_whole() -> None:
    assert PLANE.form_of("x") == "whole"


def test_one_that_holds_something_is_sent_what_changed() -> None:
    assert PLANE.acked("x", 1.0).form_of("y") == "delta"


def test_one_that_is_up_to_date_is_greeted_once() -> None:
    plane = PLANE.acked("x", 1.0)
    assert plane.form_of("x") == "same"
    assert plane.sent("x", "same").acked("x", 2.0).form_of("x") is None


def test_nothing_is_sent_while_an_answer_is_awaited() -> None:
    assert PLANE.sent("x", "whole").form_of("y") is None


def test_a_refused_delta_is_tried_once_more_as_a_whole() -> None:
    plane = PLANE.acked("x", 1.0).sent("y", "delta").nacked("y", "torn", 2.0)
    assert plane.form_of("y") == "whole"
    assert plane.sent("y", "whole").nacked("y", "unknown word", 3.0).form_of("y") is None


def test_a_refused_whole_is_not_sent_again_but_the_next_one_is() -> None:
    plane = PLANE.sent("y", "whole").nacked("y", "unknown word", 2.0)
    assert plane.form_of("y") is None
    assert plane.form_of("z") == "whole"


def test_what_is_in_force_stays_known_after_a_refusal() -> None:
    plane = PLANE.acked("x", 1.0).sent("y", "delta").nacked("y", "torn", 2.0)
    assert (plane.holds, plane.refused, plane.why) == ("x", "y", "torn")
    assert plane.sent("z", "whole").acked("z", 3.0).refused is None
