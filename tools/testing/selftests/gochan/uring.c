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
#define COMPLETIONS	scaled(200, 10)

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

/*
 * Reads and writes by io_uring.
 */

/* Requests at a time: each message wakes all of them. */
#define PENDING		32

FIXTURE(requests)
{
	struct uring ring;
	int fd;
};

FIXTURE_SETUP(requests)
{
	int err = uring_init(&self->ring);

	if (err)
		SKIP(return, "no io_uring: %s", strerror(-err));
	self->fd = new_chan(0, sizeof(__u64), 1);
}

FIXTURE_TEARDOWN(requests)
{
}

/* A request has moved its message. */
#define await_moved(ring)						\
	do {								\
		struct io_uring_cqe __cqe;				\
									\
		ASSERT_TRUE(wait_for(uring_completion(ring, &__cqe)));	\
		EXPECT_EQ(8, __cqe.res);				\
	} while (0)

TEST_F(requests, pending_reads_need_no_worker)
{
	static __u64 values[PENDING];
	struct io_uring_cqe cqe;
	__u64 sum = 0;
	unsigned int i;

	for (i = 0; i < PENDING; i++)
		ASSERT_EQ(1, uring_move_u64(&self->ring, IORING_OP_READ,
					    self->fd, &values[i], 0));
	EXPECT_FALSE(uring_completion(&self->ring, &cqe));
	EXPECT_EQ(0, uring_workers());
	for (i = 0; i < PENDING; i++) {
		ASSERT_EQ(0, send_u64(self->fd, 1ULL << i));
		await_moved(&self->ring);
	}
	EXPECT_FALSE(uring_completion(&self->ring, &cqe));
	EXPECT_EQ(0, uring_workers());
	for (i = 0; i < PENDING; i++)
		sum += values[i];
	EXPECT_EQ((1ULL << PENDING) - 1, sum);
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(requests, pending_writes_need_no_worker)
{
	static __u64 values[PENDING];
	struct io_uring_cqe cqe;
	__u64 value, sum = 0;
	unsigned int i;

	ASSERT_EQ(0, send_u64(self->fd, 0));
	for (i = 0; i < PENDING; i++) {
		values[i] = 1ULL << i;
		ASSERT_EQ(1, uring_move_u64(&self->ring, IORING_OP_WRITE,
					    self->fd, &values[i], 0));
	}
	EXPECT_FALSE(uring_completion(&self->ring, &cqe));
	EXPECT_EQ(0, uring_workers());
	for (i = 0; i < PENDING; i++) {
		ASSERT_EQ(1, recv_u64(self->fd, &value));
		sum += value;
		await_moved(&self->ring);
	}
	ASSERT_EQ(1, recv_u64(self->fd, &value));
	EXPECT_EQ((1ULL << PENDING) - 1, sum + value);
	EXPECT_EQ(0, uring_workers());
}

TEST_F(requests, pending_reads_end_at_close)
{
	static __u64 values[PENDING];
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < PENDING; i++)
		ASSERT_EQ(1, uring_move_u64(&self->ring, IORING_OP_READ,
					    self->fd, &values[i], 0));
	EXPECT_EQ(0, chan_close(self->fd));
	for (i = 0; i < PENDING; i++) {
		ASSERT_TRUE(wait_for(uring_completion(&self->ring, &cqe)));
		EXPECT_EQ(0, cqe.res);
	}
	EXPECT_EQ(0, uring_workers());
}

/* A map has nothing to be read: no worker has to find that out. */
TEST_F(requests, read_of_a_map_fails_at_once)
{
	struct io_uring_cqe cqe;
	__u64 value;
	int map;

	map = new_u64_map();
	ASSERT_EQ(1, uring_move_u64(&self->ring, IORING_OP_READ, map, &value,
				    0));
	ASSERT_TRUE(uring_completion(&self->ring, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
	EXPECT_EQ(0, uring_workers());
}

/* Reads that io_uring is told to begin in a worker, always two of them. */
static int peer_read_async(struct peer *peer)
{
	struct io_uring_cqe cqe;
	struct uring ring;
	__u64 value;
	int n = 2;

	if (uring_init(&ring))
		return PEER_FAILED;
	for (;;) {
		for (; n; n--)
			if (uring_move_u64(&ring, IORING_OP_READ, peer->fd,
					   &value, IOSQE_ASYNC) != 1)
				return PEER_FAILED;
		peer_ready(peer);
		while (uring_completion(&ring, &cqe)) {
			if (cqe.res != sizeof(value))
				return PEER_FAILED;
			n++;
		}
	}
}

static bool peer_gone(struct peer *peer)
{
	return waitpid(peer->pid, NULL, WNOHANG) == peer->pid;
}

/* Messages that come, and go before the reader is there, and one that stays. */
TEST_F(requests, forced_async_reads_do_not_outlive_their_process)
{
	unsigned int turn, turns = scaled(4000, 200), round;
	struct peer *peer;
	__u64 value;

	for (round = 0; round < 4; round++) {
		peer = peer_start(peer_read_async, self->fd, 0);
		ASSERT_TRUE(wait_for(__atomic_load_n(&peer->ready,
						     __ATOMIC_ACQUIRE)));
		for (turn = 0; turn < turns; turn++) {
			unsigned int pause = turn & 1 ? scramble(turn) % 20000 : 0;

			try_send_u64(self->fd, turn);
			/* Take it back at another moment each time. */
			while (pause--)
				asm volatile("" : : : "memory");
			try_recv_u64(self->fd, &value);
		}
		try_send_u64(self->fd, 0);
		ASSERT_FALSE(peer_done(peer));
		kill(peer->pid, SIGKILL);
		ASSERT_TRUE(wait_for(peer_gone(peer)));
		drain(self->fd, 1);
	}
}

TEST_HARNESS_MAIN
