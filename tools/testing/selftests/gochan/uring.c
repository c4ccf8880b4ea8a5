// SPDX-License-Identifier: GPL-2.0
/*
 * Channels and maps in processes that use io_uring.
 */

#include <sys/eventfd.h>

#include "map_test.h"
#include "uring_test.h"

/*
 * A completion interrupts the task that made the request, so that task work
 * posts it: signal_pending() is then true without a signal.
 */

/* Many rounds of the kernel's. */
#define MANY	20000

/* Completions that the calls of a test have to live through. */
#define COMPLETIONS	200

static int peer_write_events(struct peer *peer)
{
	__u64 one = 1;

	while (!__atomic_load_n(&peer->stop, __ATOMIC_RELAXED))
		if (write(peer->fd, &one, sizeof(one)) < 0)
			return PEER_FAILED;
	return 0;
}

FIXTURE(task_work)
{
	struct uring ring;
	struct peer *peer;
	int events;
	unsigned int completions;
};

FIXTURE_SETUP(task_work)
{
	int err = uring_init(&self->ring);

	if (err)
		SKIP(return, "no io_uring: %s", strerror(-err));
	self->events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->events);
	self->peer = peer_start(peer_write_events, self->events, 0);
}

FIXTURE_TEARDOWN(task_work)
{
	if (!self->peer)
		return;
	__atomic_store_n(&self->peer->stop, 1, __ATOMIC_RELAXED);
	EXPECT_EQ(0, peer_join(self->peer));
}

/* Have an event while the next call runs, or several. */
static int watch_events(struct uring *ring, int events)
{
	struct io_uring_sqe *sqe = uring_request(ring, IORING_OP_POLL_ADD,
						 events);
	__u64 count;

	if (read(events, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	sqe->poll32_events = POLLIN;
	sqe->len = IORING_POLL_ADD_MULTI;
	return uring_submit(ring);
}

TEST_F(task_work, map_batches_go_on)
{
	static __u64 keys[MANY], values[MANY], out[MANY];
	static __u8 found[MANY];
	unsigned int i;
	int fd;

	for (i = 0; i < MANY; i++) {
		keys[i] = scramble(i);
		values[i] = i;
	}
	fd = new_u64_map();
	while (self->completions < COMPLETIONS) {
		ASSERT_EQ(1, watch_events(&self->ring, self->events));
		ASSERT_EQ(MANY, put_many_u64(fd, keys, values, MANY));
		ASSERT_EQ(MANY, get_many_u64(fd, keys, out, found, MANY));
		ASSERT_EQ(MANY, delete_many_u64(fd, keys, found, MANY));
		self->completions += uring_drain(&self->ring);
	}
}

TEST_F(task_work, iterations_bring_what_they_can)
{
	static __u64 keys[MANY];
	struct gochan_map_iter it;
	unsigned int i;
	int fd;

	for (i = 0; i < MANY; i++)
		keys[i] = scramble(i);
	fd = new_u64_map();
	ASSERT_EQ(MANY, put_many_u64(fd, keys, keys, MANY));
	while (self->completions < COMPLETIONS) {
		ASSERT_EQ(1, watch_events(&self->ring, self->events));
		memset(&it, 0, sizeof(it));
		ASSERT_LE(MANY / 2, iterate_u64(fd, &it, keys, NULL, MANY));
		self->completions += uring_drain(&self->ring);
	}
}

TEST_F(task_work, message_batches_move_all_there_is)
{
	static __u64 messages[MANY];
	int fd;

	fd = new_chan(0, sizeof(__u64), MANY);
	while (self->completions < COMPLETIONS) {
		ASSERT_EQ(1, watch_events(&self->ring, self->events));
		ASSERT_EQ(MANY, send_many(fd, messages, MANY, 0));
		ASSERT_EQ(MANY, recv_many(fd, messages, MANY, 0));
		self->completions += uring_drain(&self->ring);
	}
}

/* It is restarted after the task work, with the same deadline. */
TEST_F(task_work, sleep_lasts_until_its_deadline)
{
	__u64 value;
	int fd;

	fd = new_chan(0, sizeof(__u64), 0);
	while (self->completions < COMPLETIONS) {
		ASSERT_EQ(1, watch_events(&self->ring, self->events));
		ASSERT_EQ(-ETIMEDOUT, recv_u64_until(fd, &value, in_ms(3)));
		self->completions += uring_drain(&self->ring);
	}
}

TEST_HARNESS_MAIN
