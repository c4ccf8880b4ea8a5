// SPDX-License-Identifier: GPL-2.0
/*
 * A driver and a process that hold the same channel: the sample module streams
 * events from a hard interrupt into a channel made here.
 */

#include "gochan_test.h"
#include "gochan_timer.h"

#define TIMER_DEVICE	"/dev/gochan-timer"
#define PERIOD		1000000

FIXTURE(timer) {
	int dev;
};

FIXTURE_SETUP(timer)
{
	self->dev = open(TIMER_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->dev)
		TH_LOG("the module gochan_timer is not loaded");
}

FIXTURE_TEARDOWN(timer)
{
	close(self->dev);
}

static int timer_start_counting(int dev, int fd, __u32 count, __u64 period,
				int map)
{
	struct gochan_timer_start args = {
		.size = sizeof(args),
		.fd = fd,
		.count = count,
		.period = period,
		.map_fd = map,
	};

	return chan_ioctl(dev, GOCHAN_TIMER_START, &args);
}

static int timer_start(int dev, int fd, __u32 count, __u64 period)
{
	return timer_start_counting(dev, fd, count, period, -1);
}

static int new_map(__u32 flags, __u32 key_size, __u32 value_size)
{
	struct gochan_map_create args = {
		.size = sizeof(args),
		.flags = flags,
		.key_size = key_size,
		.value_size = value_size,
	};

	return chan_ioctl(gochan_dev, GOCHAN_IOC_MAP_CREATE, &args);
}

static __u64 count_of(int map, __u32 key)
{
	__u64 value = POISON_U64;
	struct gochan_map_entry args = {
		.size = sizeof(args),
		.key = (uintptr_t)&key,
		.value = (uintptr_t)&value,
		.key_len = sizeof(key),
		.value_len = sizeof(value),
	};

	return chan_ioctl(map, GOCHAN_IOC_MAP_GET, &args) ? POISON_U64 : value;
}

static int new_stream(__u32 flags, __u32 capacity)
{
	return chan_create(flags, sizeof(struct gochan_timer_event), capacity);
}

TEST_F(timer, events_arrive_in_order_and_end)
{
	struct gochan_timer_event event, last = { 0 };
	__u64 start = now_ns(CLOCK_MONOTONIC), seq = 0;
	int fd;

	fd = new_stream(0, 64);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, timer_start(self->dev, fd, 50, PERIOD));
	/* The room is enough for all: not one is dropped. */
	while (fd_read(fd, &event, sizeof(event)) == sizeof(event)) {
		EXPECT_EQ(seq++, event.seq);
		EXPECT_LT(last.time, event.time);
		EXPECT_LE(start + PERIOD, event.time);
		EXPECT_GE(now_ns(CLOCK_MONOTONIC), event.time);
		last = event;
	}
	EXPECT_EQ(50, seq);
	check_info(fd, 0, 1, 0, 0);
	close(fd);
}

TEST_F(timer, events_are_handed_to_a_sleeping_reader)
{
	struct gochan_timer_event event, last = { 0 };
	unsigned int got = 0;
	int fd;

	fd = new_stream(0, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, timer_start(self->dev, fd, 0, PERIOD));
	while (got < 20) {
		ASSERT_EQ(sizeof(event), fd_read(fd, &event, sizeof(event)));
		if (got++)
			EXPECT_LT(last.seq, event.seq);
		last = event;
	}
	/* Released while the interrupts still come. */
	close(self->dev);
	self->dev = -1;
	EXPECT_EQ(-EAGAIN, recv_msg(fd, &event, &(__u32){ sizeof(event) },
				    GOCHAN_MSG_NONBLOCK, GOCHAN_NO_DEADLINE));
	check_info(fd, 0, 0, 0, 0);
	close(fd);
}

TEST_F(timer, full_channel_drops_and_shows_a_gap)
{
	struct gochan_timer_event event;
	unsigned int i;
	int fd, map;

	fd = new_stream(0, 4);
	ASSERT_LE(0, fd);
	map = new_map(0, 4, 8);
	ASSERT_LE(0, map);
	ASSERT_EQ(0, timer_start_counting(self->dev, fd, 10, PERIOD, map));
	ASSERT_TRUE(wait_for(({
		struct gochan_info info;

		!chan_info(fd, &info) && info.closed;
	})));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(sizeof(event), fd_read(fd, &event, sizeof(event)));
		EXPECT_EQ(i, event.seq);
	}
	EXPECT_EQ(0, fd_read(fd, &event, sizeof(event)));
	close(fd);
	EXPECT_EQ(4, count_of(map, GOCHAN_TIMER_SENT));
	EXPECT_EQ(6, count_of(map, GOCHAN_TIMER_DROPPED));
	close(map);
}

/* The driver holds channel and map, and no process does any more. */
TEST_F(timer, driver_may_hold_its_objects_last)
{
	int fd, map, again;

	fd = new_stream(0, 4);
	ASSERT_LE(0, fd);
	map = new_map(0, 4, 8);
	ASSERT_LE(0, map);
	ASSERT_EQ(0, timer_start_counting(self->dev, fd, 0, PERIOD, map));
	EXPECT_EQ(0, close(fd));
	ASSERT_TRUE(wait_for(count_of(map, GOCHAN_TIMER_DROPPED) > 2));
	EXPECT_EQ(0, close(map));
	again = new_stream(0, 1);
	EXPECT_EQ(-EBUSY, timer_start(self->dev, again, 0, PERIOD));
	close(again);
}

/* A driver does not count: who is left is told that the processes have gone. */
TEST_F(timer, driver_does_not_keep_an_end_open)
{
	struct gochan_timer_event event;
	int fd, recv, ret;

	fd = new_stream(GOCHAN_CHAN_AUTOCLOSE, 4);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, timer_start(self->dev, fd, 0, PERIOD));
	recv = new_end(fd, GOCHAN_RIGHT_RECV);
	ASSERT_EQ(sizeof(event), fd_read(recv, &event, sizeof(event)));
	EXPECT_EQ(0, close(fd));
	do {
		ret = fd_read(recv, &event, sizeof(event));
	} while (ret == sizeof(event));
	EXPECT_EQ(0, ret);
	close(recv);
}

TEST_F(timer, start_needs_a_channel_that_may_send)
{
	const __u32 size = sizeof(struct gochan_timer_event);
	const __u32 wrong[] = { 0, 1, 8, size - 1, size + 1, 65536 };
	int fd, recv, send, other;
	unsigned int i;

	fd = new_stream(0, 4);
	ASSERT_LE(0, fd);
	recv = new_end(fd, GOCHAN_RIGHT_RECV);
	send = new_end(fd, GOCHAN_RIGHT_SEND);
	EXPECT_EQ(-EBADF, timer_start(self->dev, recv, 1, PERIOD));
	EXPECT_EQ(-EBADF, timer_start(self->dev, -1, 1, PERIOD));
	EXPECT_EQ(-EINVAL, timer_start(self->dev, self->dev, 1, PERIOD));
	EXPECT_EQ(-EINVAL, timer_start(self->dev, gochan_dev, 1, PERIOD));
	other = new_map(0, 8, 8);
	ASSERT_LE(0, other);
	EXPECT_EQ(-EINVAL, timer_start(self->dev, other, 1, PERIOD));
	close(other);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		other = new_chan(0, wrong[i], 1);
		EXPECT_EQ(-EINVAL, timer_start(self->dev, other, 1, PERIOD));
		close(other);
	}
	other = new_stream(GOCHAN_CHAN_VARLEN, 1);
	ASSERT_LE(0, other);
	EXPECT_EQ(-EINVAL, timer_start(self->dev, other, 1, PERIOD));
	check_info(other, 0, 0, 0, 0);
	close(other);
	EXPECT_EQ(-EINVAL, timer_start(self->dev, send, 1, 0));
	EXPECT_EQ(0, timer_start(self->dev, send, 1, PERIOD));
}

TEST_F(timer, start_needs_a_map_of_the_right_sizes)
{
	static const __u32 wrong[][3] = {
		{ 0, 8, 8 }, { 0, 4, 4 }, { GOCHAN_MAP_VARLEN, 4, 8 },
	};
	unsigned int i;
	int fd, map;

	fd = new_stream(0, 4);
	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		map = new_map(wrong[i][0], wrong[i][1], wrong[i][2]);
		ASSERT_LE(0, map);
		EXPECT_EQ(-EINVAL, timer_start_counting(self->dev, fd, 1,
							PERIOD, map));
		close(map);
	}
	EXPECT_EQ(-EINVAL, timer_start_counting(self->dev, fd, 1, PERIOD, fd));
	EXPECT_EQ(-EBADF, timer_start_counting(self->dev, fd, 1, PERIOD, -2));
	check_info(fd, 0, 0, 0, 0);
}

TEST_HARNESS_MAIN
