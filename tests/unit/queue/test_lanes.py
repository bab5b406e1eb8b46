"""Which queues a process serves, and whose turn it is."""

from hub.queue.lanes import Lanes


def test_a_queue_that_nobody_configured_has_a_lane_while_something_of_it_is_here() -> None:
    lanes = Lanes(10, {"default": 4}, None)
    tenant = lanes.of("tenant-17")
    assert tenant.limit == 4, "that of the default queue"
    tenant.running = 1
    lanes.forget("tenant-17")
    assert lanes.of("tenant-17") is tenant
    tenant.running = 0
    lanes.forget("tenant-17")
    lanes.forget("default")
    assert lanes.names() == ["default", ""]


def test_limits_follow_the_configuration() -> None:
    lanes = Lanes(10, {"default": 4, "slow": 20}, None)
    assert {lane.name: lane.limit for lane in lanes} == {"default": 4, "slow": 10}
    lanes.resize(2, {"default": 3, "fresh": 1})
    assert {lane.name: lane.limit for lane in lanes} == {"default": 2, "slow": 2, "fresh": 1}


def test_only_some_queues_are_served() -> None:
    lanes = Lanes(10, {"default": 4, "slow": 2}, frozenset({"slow"}))
    assert lanes.names() == ["slow", ""]
    assert [queue for queue in ("slow", "default", "other", "") if lanes.serves(queue)] == ["slow"]


def test_the_lane_with_the_smallest_share_in_use_is_the_neediest() -> None:
    lanes = Lanes(10, {"a": 4, "b": 2}, None)
    assert lanes.neediest() is None
    for lane in lanes:
        lane.waiting, lane.running = 1, 1
    assert lanes.neediest() is lanes.of("a")
