// SPDX-License-Identifier: GPL-2.0
/*
 * Batches of messages. What bad memory does to them is in chan_many_fault.c.
 */

#include "gochan_test.h"

/* Larger than a round of the kernel's, and no multiple of one. */
#define MANY		1000

static void fill_values(__u64 *values, unsigned int n, __u64 first)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		values[i] = first + i;
}

static bool values_are(const __u64 *values, unsigned int n, __u64 first)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (values[i] != first + i)
			return false;
	}
	return true;
}

/* Moving. */

TEST(batch_moves_all_in_order)
{
	static __u64 in[MANY], out[MANY + 1];
	int fd;

	fd = new_chan(0, 8, MANY);
	fill_values(in, MANY, 7);
	poison(out, sizeof(out));
	EXPECT_EQ(MANY, send_many(fd, in, MANY, 0));
	check_info(fd, MANY, 0, 0, 0);
	EXPECT_EQ(MANY, recv_many(fd, out, MANY + 1, 0));
	EXPECT_TRUE(values_are(out, MANY, 7));
	EXPECT_EQ(POISON_U64, out[MANY]);
	check_info(fd, 0, 0, 0, 0);
}

TEST(batch_mixes_with_single_messages_around_the_ring)
{
	__u64 in[3], out[5], next = 0;
	unsigned int i;
	int fd;

	fd = new_chan(0, 8, 5);
	for (i = 0; i < 50; i++) {
		fill_values(in, 3, 5 * i);
		EXPECT_EQ(0, try_send_u64(fd, 5 * i));
		fill_values(in, 3, 5 * i + 1);
		EXPECT_EQ(3, send_many(fd, in, 3, GOCHAN_MSG_NONBLOCK));
		EXPECT_EQ(0, try_send_u64(fd, 5 * i + 4));
		EXPECT_EQ(-EAGAIN, send_many(fd, in, 3, GOCHAN_MSG_NONBLOCK));
		check_next(fd, next);
		EXPECT_EQ(4, recv_many(fd, out, 5, 0));
		EXPECT_TRUE(values_are(out, 4, next + 1));
		next += 5;
	}
}

TEST(batch_larger_than_the_room_moves_a_part)
{
	__u64 in[8], out[8];
	int fd;

	fd = new_chan(0, 8, 5);
	fill_values(in, 8, 0);
	EXPECT_EQ(5, send_many(fd, in, 8, 0));
	EXPECT_EQ(-EAGAIN, send_many(fd, in + 5, 3, GOCHAN_MSG_NONBLOCK));
	EXPECT_EQ(2, recv_many(fd, out, 2, 0));
	EXPECT_EQ(2, send_many(fd, in + 5, 3, 0));
	EXPECT_EQ(5, recv_many(fd, out + 2, 6, 0));
	EXPECT_TRUE(values_are(out, 7, 0));
	EXPECT_EQ(-EAGAIN, recv_many(fd, out, 8, GOCHAN_MSG_NONBLOCK));
}

TEST(batch_of_large_messages_arrives_whole)
{
	static unsigned char in[3 * 65536], out[3 * 65536];
	struct gochan_msg_batch batch = {
		.buf = (uintptr_t)in,
		.elem_size = 65536,
		.count = 3,
		.deadline = GOCHAN_NO_DEADLINE,
	};
	unsigned int i;
	int fd;

	for (i = 0; i < sizeof(in); i++)
		in[i] = i * 7 + (i >> 8) + (i >> 16);
	fd = new_chan(0, 65536, 3);
	EXPECT_EQ(3, move_many(fd, GOCHAN_IOC_SEND_MANY, &batch));
	batch.buf = (uintptr_t)out;
	EXPECT_EQ(3, move_many(fd, GOCHAN_IOC_RECV_MANY, &batch));
	EXPECT_EQ(0, memcmp(in, out, sizeof(in)));
}

TEST(batch_of_empty_messages_counts_them)
{
	struct gochan_msg_batch batch = {
		.count = MANY,
		.deadline = GOCHAN_NO_DEADLINE,
	};
	int fd;

	fd = new_chan(0, 0, MANY + 1);
	EXPECT_EQ(MANY, move_many(fd, GOCHAN_IOC_SEND_MANY, &batch));
	check_info(fd, MANY, 0, 0, 0);
	EXPECT_EQ(MANY, move_many(fd, GOCHAN_IOC_RECV_MANY, &batch));
	check_info(fd, 0, 0, 0, 0);
}

/* Lengths. */

#define VAR_MAX		300

static int move_varlen(int fd, unsigned long cmd, void *buf, __u32 *lens,
		       __u32 count)
{
	struct gochan_msg_batch batch = {
		.flags = GOCHAN_MSG_NONBLOCK,
		.buf = (uintptr_t)buf,
		.lens = (uintptr_t)lens,
		.elem_size = VAR_MAX,
		.count = count,
		.deadline = GOCHAN_NO_DEADLINE,
	};

	return move_many(fd, cmd, &batch);
}

TEST(varlen_batch_keeps_each_length)
{
	static unsigned char in[100][VAR_MAX], out[100][VAR_MAX];
	__u32 lens[100], got[100];
	unsigned int i;
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, VAR_MAX, 100);
	for (i = 0; i < 100; i++) {
		lens[i] = i * 17 % (VAR_MAX + 1);
		memset(in[i], i + 1, VAR_MAX);
	}
	poison(out, sizeof(out));
	poison(got, sizeof(got));
	EXPECT_EQ(100, move_varlen(fd, GOCHAN_IOC_SEND_MANY, in, lens, 100));
	EXPECT_EQ(40, move_varlen(fd, GOCHAN_IOC_RECV_MANY, out, got, 40));
	EXPECT_EQ(POISON_U32, got[40]);
	EXPECT_EQ(60, move_varlen(fd, GOCHAN_IOC_RECV_MANY, out + 40, got + 40,
				  100));
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(lens[i], got[i]);
		EXPECT_TRUE(is_filled(out[i], i + 1, got[i]));
		EXPECT_TRUE(is_poison(out[i] + got[i], VAR_MAX - got[i]));
	}
}

TEST(varlen_batch_stops_before_a_message_that_is_too_long)
{
	static unsigned char in[4][VAR_MAX], out[4][VAR_MAX];
	__u32 lens[] = { 1, 2, VAR_MAX + 1, 3 }, got[4];
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, VAR_MAX, 4);
	EXPECT_EQ(2, move_varlen(fd, GOCHAN_IOC_SEND_MANY, in, lens, 4));
	EXPECT_EQ(-EMSGSIZE, move_varlen(fd, GOCHAN_IOC_SEND_MANY, in[2],
					 lens + 2, 2));
	check_info(fd, 2, 0, 0, 0);
	EXPECT_EQ(2, move_varlen(fd, GOCHAN_IOC_RECV_MANY, out, got, 4));
	EXPECT_EQ(1, got[0]);
	EXPECT_EQ(2, got[1]);
}

/* Waiting: for the first message only. */

static int peer_send_many(struct peer *peer)
{
	__u64 values[10];

	fill_values(values, 10, peer->value);
	return send_many(peer->fd, values, 10, 0);
}

static int peer_recv_many(struct peer *peer)
{
	__u64 values[10];
	int ret = recv_many(peer->fd, values, 10, 0);

	peer->value = values[0];
	return ret;
}

FIXTURE(waiting) {
	int fd;
};

FIXTURE_VARIANT(waiting) {
	__u32 capacity;
};

FIXTURE_VARIANT_ADD(waiting, unbuffered) {
	.capacity = 0,
};

FIXTURE_VARIANT_ADD(waiting, one) {
	.capacity = 1,
};

FIXTURE_VARIANT_ADD(waiting, buffered) {
	.capacity = 20,
};

FIXTURE_SETUP(waiting)
{
	self->fd = new_chan(0, 8, variant->capacity);
}

FIXTURE_TEARDOWN(waiting)
{
	close(self->fd);
}

TEST_F(waiting, receive_returns_with_the_first)
{
	struct peer *peer;

	peer = peer_start(peer_recv_many, self->fd, 0);
	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(0, send_u64(self->fd, 31));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(31, peer->value);
}

TEST_F(waiting, send_returns_with_the_first)
{
	struct peer *peer;
	unsigned int i;

	for (i = 0; i < variant->capacity; i++)
		EXPECT_EQ(0, try_send_u64(self->fd, i));
	peer = peer_start(peer_send_many, self->fd, 100);
	await_waiters(self->fd, 1, 0);
	check_next(self->fd, variant->capacity ? 0 : 100);
	EXPECT_EQ(1, peer_join(peer));
	check_info(self->fd, variant->capacity, 0, 0, 0);
}

TEST_F(waiting, receive_empties_the_queue_of_senders)
{
	struct peer *peers[5];
	__u64 out[30];
	unsigned int i, cap = variant->capacity;

	for (i = 0; i < cap; i++)
		EXPECT_EQ(0, try_send_u64(self->fd, i));
	for (i = 0; i < 5; i++) {
		peers[i] = peer_start(peer_send, self->fd, cap + i);
		await_waiters(self->fd, i + 1, 0);
	}
	EXPECT_EQ((int)cap + 5, recv_many(self->fd, out, 30, 0));
	EXPECT_TRUE(values_are(out, cap + 5, 0));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, peer_join(peers[i]));
}

TEST_F(waiting, send_serves_the_queue_of_receivers)
{
	unsigned int i, stored = variant->capacity < 5 ? variant->capacity : 5;
	struct peer *peers[5];
	__u64 in[10];

	for (i = 0; i < 5; i++) {
		peers[i] = peer_start(peer_recv, self->fd, 0);
		await_waiters(self->fd, 0, i + 1);
	}
	fill_values(in, 10, 0);
	EXPECT_EQ(5 + (int)stored, send_many(self->fd, in, 10, 0));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(1, peer_join(peers[i]));
		EXPECT_EQ(i, peers[i]->value);
	}
	check_info(self->fd, stored, 0, 0, 0);
}

TEST_F(waiting, receive_sees_the_close)
{
	struct peer *peer;

	peer = peer_start(peer_recv_many, self->fd, 0);
	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(0, chan_close(self->fd));
	EXPECT_EQ(0, peer_join(peer));
}

TEST_F(waiting, send_sees_the_close)
{
	struct peer *peer;
	unsigned int i;

	for (i = 0; i < variant->capacity; i++)
		EXPECT_EQ(0, try_send_u64(self->fd, i));
	peer = peer_start(peer_send_many, self->fd, 100);
	await_waiters(self->fd, 1, 0);
	EXPECT_EQ(0, chan_close(self->fd));
	EXPECT_EQ(-EPIPE, peer_join(peer));
	check_info(self->fd, variant->capacity, 1, 0, 0);
}

static int peer_many_eintr(struct peer *peer)
{
	if (handle_signal(SIGUSR1, 0))
		return PEER_FAILED;
	return peer_recv_many(peer);
}

static int peer_many_restart(struct peer *peer)
{
	if (handle_signal(SIGUSR1, SA_RESTART))
		return PEER_FAILED;
	return peer_recv_many(peer);
}

TEST_F(waiting, signal_interrupts_or_restarts)
{
	struct peer *peer;

	peer = peer_start(peer_many_eintr, self->fd, 0);
	await_waiters(self->fd, 0, 1);
	kill(peer->pid, SIGUSR1);
	EXPECT_EQ(-EINTR, peer_join(peer));

	peer = peer_start(peer_many_restart, self->fd, 0);
	await_waiters(self->fd, 0, 1);
	kill(peer->pid, SIGUSR1);
	ASSERT_TRUE(wait_for(__atomic_load_n(&peer->signals,
					     __ATOMIC_SEQ_CST) == 1));
	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(0, send_u64(self->fd, 8));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(8, peer->value);
}

TEST_F(waiting, deadline_ends_it)
{
	__u64 value = POISON_U64;
	struct gochan_msg_batch batch = {
		.buf = (uintptr_t)&value,
		.elem_size = 8,
		.count = 1,
	};

	EXPECT_EQ(-ETIMEDOUT, move_many(self->fd, GOCHAN_IOC_RECV_MANY, &batch));
	batch.deadline = in_ms(5);
	EXPECT_EQ(-ETIMEDOUT, move_many(self->fd, GOCHAN_IOC_RECV_MANY, &batch));
	EXPECT_LE(batch.deadline, now_ns(CLOCK_MONOTONIC));
	batch.flags = GOCHAN_MSG_REALTIME;
	batch.deadline = 1;
	EXPECT_EQ(-ETIMEDOUT, move_many(self->fd, GOCHAN_IOC_RECV_MANY, &batch));
	EXPECT_EQ(POISON_U64, value);
	ASSERT_EQ(0, fd_set_nonblock(self->fd, true));
	EXPECT_EQ(-EAGAIN, recv_many(self->fd, &value, 1, 0));
}

TEST(batch_on_closed_drains_and_then_sees_the_end)
{
	__u64 in[4], out[4];
	int fd;

	fd = new_chan(0, 8, 4);
	fill_values(in, 4, 0);
	EXPECT_EQ(4, send_many(fd, in, 4, 0));
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(-EPIPE, send_many(fd, in, 4, 0));
	EXPECT_EQ(3, recv_many(fd, out, 3, 0));
	EXPECT_EQ(1, recv_many(fd, out + 3, 1, 0));
	EXPECT_TRUE(values_are(out, 4, 0));
	poison(out, sizeof(out));
	EXPECT_EQ(0, recv_many(fd, out, 4, 0));
	EXPECT_EQ(0, recv_many(fd, out, 4, GOCHAN_MSG_NONBLOCK));
	EXPECT_TRUE(is_poison(out, sizeof(out)));
}

/* Arguments. */

FIXTURE(batch_args) {
	int fd;
	__u64 values[2];
	union {
		struct gochan_msg_batch batch;
		char bytes[8192];
	} u;
};

FIXTURE_VARIANT(batch_args) {
	unsigned long cmd;
};

FIXTURE_VARIANT_ADD(batch_args, send) {
	.cmd = GOCHAN_IOC_SEND_MANY,
};

FIXTURE_VARIANT_ADD(batch_args, recv) {
	.cmd = GOCHAN_IOC_RECV_MANY,
};

FIXTURE_SETUP(batch_args)
{
	self->fd = new_chan(0, 8, 2);
	memset(&self->u, 0, sizeof(self->u));
	self->u.batch.flags = GOCHAN_MSG_NONBLOCK;
	self->u.batch.buf = (uintptr_t)self->values;
	self->u.batch.elem_size = 8;
	self->u.batch.count = 1;
	EXPECT_EQ(0, try_send_u64(self->fd, 1));
}

/* Whatever was refused has changed nothing. */
FIXTURE_TEARDOWN(batch_args)
{
	check_info(self->fd, 1, 0, 0, 0);
	close(self->fd);
}

TEST_F(batch_args, wrong_sizes_fail)
{
	__u32 size;

	for (size = 0; size < sizeof(self->u.batch); size++) {
		self->u.batch.size = size;
		EXPECT_EQ(-EINVAL, chan_ioctl(self->fd, variant->cmd, &self->u));
	}
	self->u.batch.size = 4097;
	EXPECT_EQ(-E2BIG, chan_ioctl(self->fd, variant->cmd, &self->u));
	self->u.batch.size = sizeof(self->u.batch) + 1;
	self->u.bytes[sizeof(self->u.batch)] = 1;
	EXPECT_EQ(-E2BIG, chan_ioctl(self->fd, variant->cmd, &self->u));
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, variant->cmd, NULL));
}

TEST_F(batch_args, unknown_flags_fail)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if ((1U << bit) & (GOCHAN_MSG_NONBLOCK | GOCHAN_MSG_REALTIME))
			continue;
		self->u.batch.flags = 1U << bit;
		EXPECT_EQ(-EINVAL, move_many(self->fd, variant->cmd,
					     &self->u.batch));
	}
}

TEST_F(batch_args, wrong_element_size_or_lengths_fail)
{
	__u32 len = 8;

	self->u.batch.elem_size = 7;
	EXPECT_EQ(-EINVAL, move_many(self->fd, variant->cmd, &self->u.batch));
	self->u.batch.elem_size = 0;
	EXPECT_EQ(-EINVAL, move_many(self->fd, variant->cmd, &self->u.batch));
	self->u.batch.elem_size = 8;
	self->u.batch.lens = (uintptr_t)&len;
	EXPECT_EQ(-EINVAL, move_many(self->fd, variant->cmd, &self->u.batch));
}

TEST_F(batch_args, varlen_without_lengths_fails)
{
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, 8, 1);
	EXPECT_EQ(-EINVAL, move_many(fd, variant->cmd, &self->u.batch));
}

TEST_F(batch_args, address_beyond_user_memory_fails)
{
	self->u.batch.buf = 1ULL << 63;
	EXPECT_EQ(-EFAULT, move_many(self->fd, variant->cmd, &self->u.batch));
	self->u.batch.buf = (1ULL << 32) + (uintptr_t)self->values;
	if (sizeof(long) == 4)
		EXPECT_EQ(-EFAULT, move_many(self->fd, variant->cmd,
					     &self->u.batch));
	self->u.batch.buf = 0;
	EXPECT_EQ(-EFAULT, move_many(self->fd, variant->cmd, &self->u.batch));
	self->u.batch.buf = -8ULL;
	self->u.batch.count = UINT_MAX;
	EXPECT_EQ(-EFAULT, move_many(self->fd, variant->cmd, &self->u.batch));
}

TEST_F(batch_args, count_of_none)
{
	bool send = variant->cmd == GOCHAN_IOC_SEND_MANY;

	self->u.batch.count = 0;
	EXPECT_EQ(send ? 0 : -EINVAL,
		  move_many(self->fd, variant->cmd, &self->u.batch));
}

TEST(send_batch_with_ok_set_fails)
{
	__u64 value = 1;
	struct gochan_msg_batch batch = {
		.buf = (uintptr_t)&value,
		.elem_size = 8,
		.count = 1,
		.ok = 1,
	};
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-EINVAL, move_many(fd, GOCHAN_IOC_SEND_MANY, &batch));
	check_info(fd, 0, 0, 0, 0);
}

/* Several of both kinds, with batches of all sizes and signals on top. */

#define STREAM_TIMEOUT	240
#define STREAM_SENDERS	2

static int peer_stream(struct peer *peer)
{
	__u64 values[200];
	unsigned int size = 1;

	if (handle_signal(SIGUSR1, 0))
		return PEER_FAILED;
	while (peer->value < peer->deadline) {
		__u64 left = peer->deadline - peer->value;
		unsigned int n = size++ % 200 + 1;
		int ret;

		if (n > left)
			n = left;
		fill_values(values, n, peer->count << 32 | peer->value);
		ret = send_many(peer->fd, values, n, 0);
		if (ret == -EINTR)
			continue;
		if (ret <= 0)
			return PEER_FAILED;
		peer->value += ret;
	}
	return 0;
}

FIXTURE(stream) {
	int fd;
};

FIXTURE_VARIANT(stream) {
	__u32 capacity;
	unsigned int count;
};

FIXTURE_VARIANT_ADD(stream, unbuffered) {
	.capacity = 0,
	.count = 5000,
};

FIXTURE_VARIANT_ADD(stream, small) {
	.capacity = 7,
	.count = 30000,
};

FIXTURE_VARIANT_ADD(stream, large) {
	.capacity = 500,
	.count = 200000,
};

FIXTURE_SETUP(stream)
{
	self->fd = new_chan(0, 8, variant->capacity);
}

FIXTURE_TEARDOWN(stream)
{
	close(self->fd);
}

TEST_F_TIMEOUT(stream, counts_are_exact_while_signals_arrive, STREAM_TIMEOUT)
{
	__u64 total = scaled(variant->count, 100), next[STREAM_SENDERS] = { 0 };
	struct peer *peers[STREAM_SENDERS];
	__u64 values[150], got = 0;
	unsigned int i, round = 0;

	for (i = 0; i < STREAM_SENDERS; i++) {
		peers[i] = peer_new(self->fd, 0);
		peers[i]->count = i;
		peers[i]->deadline = total;
		peer_fork(peers[i], peer_stream);
	}
	while (got < STREAM_SENDERS * total) {
		int k, ret = recv_many(self->fd, values, 1 + round++ % 150, 0);

		ASSERT_LT(0, ret);
		for (k = 0; k < ret; k++) {
			unsigned int from = values[k] >> 32;

			ASSERT_GT(STREAM_SENDERS, from);
			ASSERT_EQ(next[from]++, (__u32)values[k]);
		}
		got += ret;
		/* Not before its handler is there: it would die of it. */
		if (next[round % STREAM_SENDERS])
			kill(peers[round % STREAM_SENDERS]->pid, SIGUSR1);
	}
	for (i = 0; i < STREAM_SENDERS; i++) {
		EXPECT_EQ(0, peer_join(peers[i]));
		EXPECT_EQ(total, next[i]);
	}
	check_drained(self->fd);
}

TEST_HARNESS_MAIN
