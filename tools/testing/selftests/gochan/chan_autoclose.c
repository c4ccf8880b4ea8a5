// SPDX-License-Identifier: GPL-2.0
/*
 * GOCHAN_CHAN_AUTOCLOSE: a channel closes when one direction has no
 * descriptors any more, above all because the process that had them crashed.
 */

#include <sys/socket.h>

#include "poll_test.h"

FIXTURE(pair) {
	int send;
	int recv;
};

FIXTURE_VARIANT(pair) {
	__u32 capacity;
};

FIXTURE_VARIANT_ADD(pair, unbuffered) {
	.capacity = 0,
};

FIXTURE_VARIANT_ADD(pair, one) {
	.capacity = 1,
};

FIXTURE_VARIANT_ADD(pair, buffered) {
	.capacity = 64,
};

FIXTURE_SETUP(pair)
{
	int fd;

	fd = new_chan(GOCHAN_CHAN_AUTOCLOSE, 8, variant->capacity);
	self->send = new_end(fd, GOCHAN_RIGHT_SEND);
	self->recv = new_end(fd, GOCHAN_RIGHT_RECV);
	ASSERT_EQ(0, close(fd));
	check_info(self->recv, 0, 0, 0, 0);
}

FIXTURE_TEARDOWN(pair)
{
	close(self->send);
	close(self->recv);
}

static bool is_closed(int fd)
{
	struct gochan_info info;

	return !chan_info(fd, &info) && info.closed;
}

/* Descriptors that are closed. */

TEST_F(pair, last_sender_ends_what_receivers_drain)
{
	__u64 value;
	unsigned int i;

	for (i = 0; i < variant->capacity; i++)
		EXPECT_EQ(0, send_u64(self->send, i));
	ASSERT_EQ(0, close(self->send));
	self->send = -1;
	check_info(self->recv, variant->capacity, 1, 0, 0);
	for (i = 0; i < variant->capacity; i++)
		check_next(self->recv, i);
	EXPECT_EQ(0, recv_u64(self->recv, &value));
	EXPECT_EQ(0, fd_read(self->recv, &value, sizeof(value)));
	EXPECT_EQ(0, recv_many(self->recv, &value, 1, 0));
}

TEST_F(pair, last_receiver_fails_senders)
{
	__u64 value = 0;
	unsigned int i;

	for (i = 0; i < variant->capacity; i++)
		EXPECT_EQ(0, send_u64(self->send, i));
	ASSERT_EQ(0, close(self->recv));
	self->recv = -1;
	EXPECT_TRUE(is_closed(self->send));
	EXPECT_EQ(-EPIPE, send_u64(self->send, 1));
	EXPECT_EQ(-EPIPE, fd_write(self->send, &value, sizeof(value)));
	EXPECT_EQ(-ESHUTDOWN, chan_close(self->send));
}

TEST_F(pair, duplicates_keep_it_open)
{
	int copy, again;

	copy = dup(self->send);
	again = new_end(self->send, GOCHAN_RIGHT_SEND);
	ASSERT_EQ(0, close(self->send));
	self->send = -1;
	EXPECT_FALSE(is_closed(self->recv));
	ASSERT_EQ(0, close(copy));
	EXPECT_FALSE(is_closed(self->recv));
	ASSERT_EQ(0, close(again));
	EXPECT_TRUE(is_closed(self->recv));
}

TEST_F(pair, was_closed_before)
{
	EXPECT_EQ(0, chan_close(self->send));
	ASSERT_EQ(0, close(self->send));
	self->send = -1;
	EXPECT_TRUE(is_closed(self->recv));
}

TEST(descriptor_with_both_rights_counts_for_both)
{
	int fd, send, recv;

	fd = new_chan(GOCHAN_CHAN_AUTOCLOSE, 8, 1);
	send = new_end(fd, GOCHAN_RIGHT_SEND);
	close(send);
	recv = new_end(fd, GOCHAN_RIGHT_RECV);
	EXPECT_FALSE(is_closed(fd));
	close(fd);
	EXPECT_TRUE(is_closed(recv));
}

TEST(without_the_flag_nothing_closes)
{
	int fd, recv;

	fd = new_chan(0, 8, 1);
	recv = new_end(fd, GOCHAN_RIGHT_RECV);
	close(fd);
	EXPECT_FALSE(is_closed(recv));
	check_drained(recv);
}

TEST(failed_restrict_closes_nothing)
{
	int fd;

	fd = new_chan(GOCHAN_CHAN_AUTOCLOSE, 8, 1);
	EXPECT_EQ(-EINVAL, chan_restrict(fd, 0));
	EXPECT_FALSE(is_closed(fd));
}

TEST(flag_is_reported)
{
	struct gochan_info info;
	int fd;

	fd = new_chan(GOCHAN_CHAN_AUTOCLOSE | GOCHAN_CHAN_VARLEN, 8, 1);
	EXPECT_EQ(0, chan_info(fd, &info));
	EXPECT_EQ(GOCHAN_CHAN_AUTOCLOSE | GOCHAN_CHAN_VARLEN, info.flags);
}

/* On its way through a socket, a descriptor exists as any other. */
TEST_F(pair, descriptor_in_flight_keeps_it_open)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'x';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&hdr);
	int sock[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &self->send, sizeof(int));
	ASSERT_EQ(1, sendmsg(sock[0], &hdr, 0));
	ASSERT_EQ(0, close(self->send));
	self->send = -1;
	EXPECT_FALSE(is_closed(self->recv));
	/* Nobody will ever fetch it. */
	close(sock[0]);
	close(sock[1]);
	EXPECT_TRUE(wait_for(is_closed(self->recv)));
}

/*
 * Peers. Each has one end only: it closes the other, whose number is in
 * @count, and the test closes the peer's.
 */

static void peer_keep_one(struct peer *peer)
{
	close(peer->count);
}

static int peer_asleep_in_send(struct peer *peer)
{
	__u64 value = 0;

	peer_keep_one(peer);
	for (;;) {
		if (send_u64(peer->fd, value++))
			return PEER_FAILED;
	}
}

static int peer_asleep_in_recv(struct peer *peer)
{
	__u64 value;

	peer_keep_one(peer);
	if (recv_u64(peer->fd, &value) != 0)
		return PEER_FAILED;
	return 0;
}

static int peer_asleep_in_batch(struct peer *peer)
{
	__u64 values[200] = { 0 };

	peer_keep_one(peer);
	for (;;) {
		if (send_many(peer->fd, values, 200, 0) <= 0)
			return PEER_FAILED;
	}
}

static struct peer *peer_with(int fd, int other, int (*fn)(struct peer *peer))
{
	struct peer *peer = peer_new(fd, 0);

	peer->count = other;
	peer_fork(peer, fn);
	close(fd);
	return peer;
}

static void expect_the_end(struct __test_metadata *_metadata, int recv)
{
	unsigned int n = 0;
	__u64 value;
	int ret;

	/* Blocking: it must not sleep for ever. */
	while ((ret = recv_u64(recv, &value)) == 1)
		EXPECT_EQ(n++, value);
	EXPECT_EQ(0, ret);
}

TEST_F(pair, sender_killed_in_its_sleep_ends_the_channel)
{
	struct peer *peer;
	__u64 value;

	peer = peer_with(self->send, self->recv, peer_asleep_in_send);
	self->send = -1;
	await_waiters(self->recv, 1, 0);
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(peer));
	expect_the_end(_metadata, self->recv);
	EXPECT_EQ(0, recv_u64(self->recv, &value));
}

TEST_F(pair, sender_killed_in_a_batch_ends_the_channel)
{
	struct peer *peer;

	peer = peer_with(self->send, self->recv, peer_asleep_in_batch);
	self->send = -1;
	await_waiters(self->recv, 1, 0);
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(peer));
	check_info(self->recv, variant->capacity, 1, 0, 0);
	EXPECT_EQ(variant->capacity, drain(self->recv, UINT_MAX));
	EXPECT_EQ(0, drain(self->recv, 1));
}

TEST_F(pair, receiver_killed_in_its_sleep_fails_the_sender)
{
	struct peer *peer;

	peer = peer_with(self->recv, self->send, peer_asleep_in_recv);
	self->recv = -1;
	await_waiters(self->send, 0, 1);
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(peer));
	EXPECT_EQ(-EPIPE, send_u64(self->send, 1));
}

/* The other way round: who sleeps is alive, and woken by the death. */

static int peer_idle(struct peer *peer)
{
	peer_keep_one(peer);
	peer_ready(peer);
	pause();
	return PEER_FAILED;
}

TEST_F(pair, sleeping_receiver_is_woken_by_the_senders_death)
{
	struct peer *sender, *receiver;

	sender = peer_with(self->send, self->recv, peer_idle);
	self->send = -1;
	receiver = peer_start(peer_recv, self->recv, 0);
	await_waiters(self->recv, 0, 1);
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(sender));
	EXPECT_EQ(0, peer_join(receiver));
}

TEST_F(pair, sleeping_sender_is_woken_by_the_receivers_death)
{
	struct peer *sender, *receiver;
	unsigned int i;

	for (i = 0; i < variant->capacity; i++)
		ASSERT_EQ(0, send_u64(self->send, i));
	receiver = peer_with(self->recv, self->send, peer_idle);
	self->recv = -1;
	sender = peer_start(peer_send, self->send, 0);
	await_waiters(self->send, 1, 0);
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(receiver));
	EXPECT_EQ(-EPIPE, peer_join(sender));
}

TEST_F(pair, poll_is_woken_by_the_death)
{
	struct pollfd pfd = { .events = POLLRDHUP };
	struct peer *peer;

	peer = peer_with(self->send, self->recv, peer_idle);
	self->send = -1;
	await_asleep(peer);
	pfd.fd = self->recv;
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	kill(peer->pid, SIGKILL);
	EXPECT_EQ(1, poll(&pfd, 1, EVENT_MS));
	EXPECT_EQ(POLLHUP | POLLRDHUP, pfd.revents);
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_join(peer));
}

/* Killed while they run, at any instruction. */

static int peer_sends_for_ever(struct peer *peer)
{
	__u64 values[16], next = 0;
	unsigned int i;

	peer_keep_one(peer);
	for (;;) {
		if (next % 3) {
			if (send_u64(peer->fd, next))
				return PEER_FAILED;
			next++;
		} else {
			int ret;

			for (i = 0; i < 16; i++)
				values[i] = next + i;
			ret = send_many(peer->fd, values, 16, 0);
			if (ret <= 0)
				return PEER_FAILED;
			next += ret;
		}
	}
}

static int peer_receives_for_ever(struct peer *peer)
{
	__u64 values[16];
	unsigned int turn = 0;

	peer_keep_one(peer);
	for (;;) {
		int ret;

		if (turn++ % 2)
			ret = recv_many(peer->fd, values, 16, 0);
		else
			ret = recv_u64(peer->fd, values);
		if (ret <= 0)
			return PEER_FAILED;
	}
}

#define KILL_TIMEOUT	240

TEST_F_TIMEOUT(pair, sender_killed_while_running_ends_the_channel, KILL_TIMEOUT)
{
	unsigned int i, rounds = scaled(60, 5);

	for (i = 0; i < rounds; i++) {
		struct peer *peer;
		unsigned int n;
		__u64 value;
		int fd, send, recv, ret;

		fd = new_chan(GOCHAN_CHAN_AUTOCLOSE, 8, variant->capacity);
		send = new_end(fd, GOCHAN_RIGHT_SEND);
		recv = new_end(fd, GOCHAN_RIGHT_RECV);
		close(fd);
		peer = peer_with(send, recv, peer_sends_for_ever);
		/* A different number each time, and none in the first. */
		for (n = 0; n < i * 7; n++)
			ASSERT_EQ(1, recv_u64(recv, &value));
		kill(peer->pid, SIGKILL);
		while ((ret = recv_u64(recv, &value)) == 1)
			ASSERT_EQ(n++, value);
		EXPECT_EQ(0, ret);
		EXPECT_EQ(PEER_KILLED(SIGKILL), peer_join(peer));
		close(recv);
	}
}

TEST_F_TIMEOUT(pair, receiver_killed_while_running_fails_the_sender,
	       KILL_TIMEOUT)
{
	unsigned int i, rounds = scaled(60, 5);

	for (i = 0; i < rounds; i++) {
		struct peer *peer;
		unsigned int n;
		int fd, send, recv, ret;

		fd = new_chan(GOCHAN_CHAN_AUTOCLOSE, 8, variant->capacity);
		send = new_end(fd, GOCHAN_RIGHT_SEND);
		recv = new_end(fd, GOCHAN_RIGHT_RECV);
		close(fd);
		peer = peer_with(recv, send, peer_receives_for_ever);
		for (n = 0; n < i * 7; n++)
			ASSERT_EQ(0, send_u64(send, n));
		kill(peer->pid, SIGKILL);
		/* Blocking: what nobody receives any more must fail. */
		do {
			ret = send_u64(send, 0);
		} while (!ret);
		EXPECT_EQ(-EPIPE, ret);
		EXPECT_EQ(PEER_KILLED(SIGKILL), peer_join(peer));
		close(send);
	}
}

TEST_HARNESS_MAIN
