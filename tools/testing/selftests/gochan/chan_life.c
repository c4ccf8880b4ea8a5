// SPDX-License-Identifier: GPL-2.0
/*
 * What happens around a channel: descriptors that come and go, processes that
 * are signalled or killed, time namespaces, quotas, failing allocations.
 */

#include <dirent.h>
#include <sys/socket.h>

#include "quota_test.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x00000080
#endif

/* Descriptors. */

TEST(closing_one_of_two_fds_changes_nothing)
{
	int fd, copy;

	fd = new_chan(0, 8, 2);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	copy = dup(fd);
	ASSERT_LE(0, copy);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, try_send_u64(copy, 2));
	check_info(copy, 2, 0, 0, 0);
	check_next(copy, 1);
	check_next(copy, 2);
}

TEST(o_nonblock_is_shared_by_duplicates)
{
	__u64 value;
	int fd, copy;

	fd = new_chan(0, 8, 0);
	copy = dup(fd);
	ASSERT_LE(0, copy);
	ASSERT_EQ(0, fd_set_nonblock(fd, true));
	EXPECT_EQ(-EAGAIN, recv_u64(copy, &value));
}

TEST(last_close_frees_a_full_channel)
{
	unsigned int i;
	int fd;

	/* Were they not freed, this much would not fit into a small guest. */
	for (i = 0; i < scaled(1000, 100); i++) {
		static char buf[GOCHAN_MAX_ELEM_SIZE];
		int n;

		fd = new_chan(0, sizeof(buf), 16);
		for (n = 0; n < 16; n++)
			ASSERT_EQ(0, chan_try_send(fd, buf, sizeof(buf)));
		ASSERT_EQ(0, close(fd));
		ASSERT_EQ(-1, fcntl(fd, F_GETFD));
	}
}

static int peer_recv_on_copy(struct peer *peer)
{
	int copy = peer->fd;

	/* The parent's number must not matter: only the open file does. */
	peer->fd = dup(copy);
	close(copy);
	return peer_recv(peer);
}

TEST(blocked_receive_outlives_the_fd_it_was_made_with)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_recv_on_copy, fd, 0);
	await_waiters(fd, 0, 1);
	EXPECT_EQ(0, send_u64(fd, 17));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(17, peer->value);
}

static int peer_is_gone(struct peer *peer)
{
	struct gochan_info info;

	return chan_info(peer->fd, &info);
}

TEST(fork_inherits_the_channel)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 1);
	peer = peer_start(peer_send, fd, 51);
	EXPECT_EQ(0, peer_join(peer));
	check_next(fd, 51);
	EXPECT_EQ(0, try_send_u64(fd, 52));
	peer = peer_start(peer_recv, fd, 0);
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(52, peer->value);
	peer = peer_start(peer_is_gone, fd, 0);
	EXPECT_EQ(0, peer_join(peer));
}

TEST(channel_outlives_its_creator)
{
	int pair[2], fd, status;
	struct msghdr hdr = { 0 };
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	char byte = 'x';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct cmsghdr *cmsg;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	hdr.msg_iov = &iov;
	hdr.msg_iovlen = 1;
	hdr.msg_control = control;
	hdr.msg_controllen = sizeof(control);
	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid) {
		fd = chan_create(0, 8, 2);
		if (fd < 0 || send_u64(fd, 61) || send_u64(fd, 62))
			_exit(1);
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
		if (sendmsg(pair[1], &hdr, 0) != 1 || close(fd))
			_exit(2);
		_exit(0);
	}
	/* In flight in the socket only: the one reference that is left. */
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(1, recvmsg(pair[0], &hdr, MSG_CMSG_CLOEXEC));
	cmsg = CMSG_FIRSTHDR(&hdr);
	ASSERT_NE(NULL, cmsg);
	ASSERT_EQ(SCM_RIGHTS, cmsg->cmsg_type);
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	check_info(fd, 2, 0, 0, 0);
	check_next(fd, 61);
	check_next(fd, 62);
	EXPECT_EQ(0, try_send_u64(fd, 63));
	EXPECT_EQ(0, chan_close(fd));
	check_info(fd, 1, 1, 0, 0);
}

/* The process dies with the only other reference while the test goes on. */
TEST(killed_creator_leaves_the_channel_to_its_child)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 1);
	peer = peer_start(peer_recv, fd, 0);
	await_waiters(fd, 0, 1);
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(peer));
	EXPECT_EQ(0, try_send_u64(fd, 5));
	check_next(fd, 5);
}

/* Order among sleepers. */

TEST(sleeping_senders_are_served_in_order)
{
	static const __u32 capacities[] = { 0, 2 };
	struct peer *peers[6];
	unsigned int c, i;
	__u32 n;
	int fd;

	for (c = 0; c < ARRAY_SIZE(capacities); c++) {
		fd = new_chan(0, 8, capacities[c]);
		for (n = 0; n < capacities[c]; n++)
			EXPECT_EQ(0, try_send_u64(fd, n));
		for (i = 0; i < ARRAY_SIZE(peers); i++) {
			peers[i] = peer_start(peer_send, fd, n + i);
			await_waiters(fd, i + 1, 0);
		}
		for (i = 0; i < n + ARRAY_SIZE(peers); i++)
			check_next(fd, i);
		for (i = 0; i < ARRAY_SIZE(peers); i++)
			EXPECT_EQ(0, peer_join(peers[i]));
		check_drained(fd);
		close(fd);
	}
}

TEST(sleeping_receivers_are_served_in_order)
{
	static const __u32 capacities[] = { 0, 2 };
	struct peer *peers[6];
	unsigned int c, i;
	int fd;

	for (c = 0; c < ARRAY_SIZE(capacities); c++) {
		fd = new_chan(0, 8, capacities[c]);
		for (i = 0; i < ARRAY_SIZE(peers); i++) {
			peers[i] = peer_start(peer_recv, fd, 0);
			await_waiters(fd, 0, i + 1);
		}
		for (i = 0; i < ARRAY_SIZE(peers); i++)
			EXPECT_EQ(0, try_send_u64(fd, i));
		for (i = 0; i < ARRAY_SIZE(peers); i++) {
			EXPECT_EQ(1, peer_join(peers[i]));
			EXPECT_EQ(i, peers[i]->value);
		}
		check_info(fd, 0, 0, 0, 0);
		close(fd);
	}
}

TEST(close_wakes_all_sleeping_receivers_with_the_end)
{
	struct peer *peers[5];
	unsigned int i;
	int fd;

	fd = new_chan(0, 8, 3);
	for (i = 0; i < ARRAY_SIZE(peers); i++)
		peers[i] = peer_start(peer_recv, fd, 0);
	await_waiters(fd, 0, 5);
	EXPECT_EQ(0, chan_close(fd));
	check_info(fd, 0, 1, 0, 0);
	for (i = 0; i < ARRAY_SIZE(peers); i++) {
		EXPECT_EQ(0, peer_join(peers[i]));
		EXPECT_EQ(0, peers[i]->value);
	}
}

TEST(close_fails_all_sleeping_senders_and_drops_their_messages)
{
	static const __u32 capacities[] = { 0, 2 };
	struct peer *peers[5];
	unsigned int c, i;
	__u64 value;
	__u32 n;
	int fd;

	for (c = 0; c < ARRAY_SIZE(capacities); c++) {
		fd = new_chan(0, 8, capacities[c]);
		for (n = 0; n < capacities[c]; n++)
			EXPECT_EQ(0, try_send_u64(fd, n));
		for (i = 0; i < ARRAY_SIZE(peers); i++)
			peers[i] = peer_start(peer_send, fd, 100 + i);
		await_waiters(fd, 5, 0);
		EXPECT_EQ(0, chan_close(fd));
		for (i = 0; i < ARRAY_SIZE(peers); i++)
			EXPECT_EQ(-EPIPE, peer_join(peers[i]));
		check_info(fd, capacities[c], 1, 0, 0);
		for (n = 0; n < capacities[c]; n++)
			check_next(fd, n);
		EXPECT_EQ(0, recv_u64(fd, &value));
		close(fd);
	}
}

/* Killing. */

FIXTURE(killed) {
	int fd;
	struct peer *peers[5];
};

FIXTURE_VARIANT(killed) {
	int (*fn)(struct peer *peer);
	bool sender;
	__u32 capacity;
};

FIXTURE_VARIANT_ADD(killed, send_unbuffered) {
	.fn = peer_send,
	.sender = true,
};

FIXTURE_VARIANT_ADD(killed, send_full) {
	.fn = peer_send,
	.sender = true,
	.capacity = 1,
};

FIXTURE_VARIANT_ADD(killed, write) {
	.fn = peer_write,
	.sender = true,
};

FIXTURE_VARIANT_ADD(killed, recv_unbuffered) {
	.fn = peer_recv,
};

FIXTURE_VARIANT_ADD(killed, recv_empty) {
	.fn = peer_recv,
	.capacity = 1,
};

FIXTURE_VARIANT_ADD(killed, read) {
	.fn = peer_read,
};

FIXTURE_SETUP(killed)
{
	unsigned int i;

	self->fd = new_chan(0, 8, variant->capacity);
	if (variant->sender && variant->capacity)
		ASSERT_EQ(0, try_send_u64(self->fd, 100));
	for (i = 0; i < 5; i++) {
		self->peers[i] = peer_start(variant->fn, self->fd, i);
		await_waiters(self->fd, variant->sender ? i + 1 : 0,
			      variant->sender ? 0 : i + 1);
	}
}

FIXTURE_TEARDOWN(killed)
{
	close(self->fd);
}

static int kill_one(struct peer *peer)
{
	return peer_kill(peer) == PEER_KILLED(SIGKILL) ? 0 : -1;
}

TEST_F(killed, all_sleepers_leave_no_trace)
{
	__u32 length = variant->sender ? variant->capacity : 0;
	unsigned int i;

	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, kill_one(self->peers[i]));
	check_info(self->fd, length, 0, 0, 0);
	if (length)
		check_next(self->fd, 100);
	check_drained(self->fd);
}

/* One from the front, one from the middle, one from the end of the queue. */
TEST_F(killed, others_go_on_in_order)
{
	static const int left[] = { 1, 3 };
	unsigned int i;

	EXPECT_EQ(0, kill_one(self->peers[2]));
	EXPECT_EQ(0, kill_one(self->peers[0]));
	EXPECT_EQ(0, kill_one(self->peers[4]));
	if (variant->sender) {
		check_info(self->fd, variant->capacity, 0, 2, 0);
		if (variant->capacity)
			check_next(self->fd, 100);
		for (i = 0; i < 2; i++)
			check_next(self->fd, left[i]);
	} else {
		check_info(self->fd, 0, 0, 0, 2);
		for (i = 0; i < 2; i++)
			EXPECT_EQ(0, try_send_u64(self->fd, 10 + i));
	}
	for (i = 0; i < 2; i++) {
		struct peer *peer = self->peers[left[i]];

		EXPECT_LE(0, peer_join(peer));
		if (!variant->sender)
			EXPECT_EQ(10 + i, peer->value);
	}
	check_info(self->fd, 0, 0, 0, 0);
}

/* Signals. */

static int with_handler(struct peer *peer, int flags,
			int (*fn)(struct peer *peer))
{
	if (handle_signal(SIGUSR1, flags))
		return PEER_FAILED;
	return fn(peer);
}

static int peer_send_restart(struct peer *peer)
{
	return with_handler(peer, SA_RESTART, peer_send);
}

static int peer_recv_restart(struct peer *peer)
{
	return with_handler(peer, SA_RESTART, peer_recv);
}

static int peer_write_restart(struct peer *peer)
{
	return with_handler(peer, SA_RESTART, peer_write);
}

static int peer_read_restart(struct peer *peer)
{
	return with_handler(peer, SA_RESTART, peer_read);
}

static int peer_send_eintr(struct peer *peer)
{
	return with_handler(peer, 0, peer_send);
}

static int peer_recv_eintr(struct peer *peer)
{
	return with_handler(peer, 0, peer_recv);
}

static int peer_write_eintr(struct peer *peer)
{
	return with_handler(peer, 0, peer_write);
}

static int peer_read_eintr(struct peer *peer)
{
	return with_handler(peer, 0, peer_read);
}

static int signals_of(struct peer *peer)
{
	return __atomic_load_n(&peer->signals, __ATOMIC_SEQ_CST);
}

/* Signal the peer, asleep in its call, and wait until its handler ran. */
static bool signal_sleeper(struct peer *peer)
{
	int before = signals_of(peer);

	return !kill(peer->pid, SIGUSR1) &&
	       wait_for(signals_of(peer) > before);
}

TEST(signal_with_restart_resumes_a_receive)
{
	struct peer *ioctl_peer, *read_peer;
	int fd, i;

	fd = new_chan(0, 8, 0);
	ioctl_peer = peer_start(peer_recv_restart, fd, 0);
	await_waiters(fd, 0, 1);
	read_peer = peer_start(peer_read_restart, fd, 0);
	await_waiters(fd, 0, 2);
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(signal_sleeper(ioctl_peer));
		await_waiters(fd, 0, 2);
		ASSERT_TRUE(signal_sleeper(read_peer));
		await_waiters(fd, 0, 2);
	}
	EXPECT_EQ(0, send_u64(fd, 8));
	EXPECT_EQ(0, send_u64(fd, 8));
	EXPECT_EQ(1, peer_join(ioctl_peer));
	EXPECT_EQ(8, peer_join(read_peer));
	EXPECT_EQ(8, ioctl_peer->value);
	EXPECT_EQ(8, read_peer->value);
	EXPECT_EQ(3, signals_of(ioctl_peer));
	EXPECT_EQ(3, signals_of(read_peer));
}

TEST(signal_with_restart_resumes_a_send)
{
	struct peer *ioctl_peer, *write_peer;
	__u64 a, b;
	int fd, i;

	fd = new_chan(0, 8, 0);
	ioctl_peer = peer_start(peer_send_restart, fd, 1);
	await_waiters(fd, 1, 0);
	write_peer = peer_start(peer_write_restart, fd, 2);
	await_waiters(fd, 2, 0);
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(signal_sleeper(ioctl_peer));
		await_waiters(fd, 2, 0);
		ASSERT_TRUE(signal_sleeper(write_peer));
		await_waiters(fd, 2, 0);
	}
	EXPECT_EQ(1, recv_u64(fd, &a));
	EXPECT_EQ(1, recv_u64(fd, &b));
	EXPECT_EQ(3, a + b);
	EXPECT_EQ(0, peer_join(ioctl_peer));
	EXPECT_EQ(8, peer_join(write_peer));
	EXPECT_EQ(3, signals_of(ioctl_peer));
}

TEST(signal_without_restart_interrupts)
{
	static int (*const fns[])(struct peer *peer) = {
		peer_recv_eintr, peer_read_eintr,
		peer_send_eintr, peer_write_eintr,
	};
	struct peer *peer;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(fns); i++) {
		fd = new_chan(0, 8, 0);
		peer = peer_start(fns[i], fd, 3);
		await_waiters(fd, i >= 2, i < 2);
		ASSERT_TRUE(signal_sleeper(peer));
		EXPECT_EQ(-EINTR, peer_join(peer));
		check_info(fd, 0, 0, 0, 0);
		check_drained(fd);
		close(fd);
	}
}

TEST(ignored_signal_does_not_interrupt)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 0);
	ASSERT_NE(SIG_ERR, signal(SIGUSR1, SIG_IGN));
	peer = peer_start(peer_recv, fd, 0);
	await_waiters(fd, 0, 1);
	ASSERT_EQ(0, kill(peer->pid, SIGUSR1));
	check_info(fd, 0, 0, 0, 1);
	EXPECT_EQ(0, send_u64(fd, 4));
	EXPECT_EQ(1, peer_join(peer));
}

TEST(stopped_and_continued_receive_goes_on)
{
	struct peer *peer;
	int fd, status;

	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_recv, fd, 0);
	await_waiters(fd, 0, 1);
	ASSERT_EQ(0, kill(peer->pid, SIGSTOP));
	ASSERT_EQ(peer->pid, waitpid(peer->pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(peer->pid, SIGCONT));
	await_waiters(fd, 0, 1);
	EXPECT_EQ(0, send_u64(fd, 4));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(4, peer->value);
}

/*
 * A deadline counted anew after each signal would never come while signals do.
 */
FIXTURE(restarted) {
	int fd;
};

FIXTURE_VARIANT(restarted) {
	int (*fn)(struct peer *peer);
};

FIXTURE_VARIANT_ADD(restarted, recv) {
	.fn = peer_recv_restart,
};

FIXTURE_VARIANT_ADD(restarted, send) {
	.fn = peer_send_restart,
};

FIXTURE_SETUP(restarted)
{
	self->fd = new_chan(0, 8, 0);
}

FIXTURE_TEARDOWN(restarted)
{
	close(self->fd);
}

TEST_F(restarted, deadline_holds_while_signals_arrive)
{
	struct peer *peer = peer_new(self->fd, 1);

	/* Far enough for a slow machine to get several signals through. */
	peer->deadline = in_ms(3000);
	peer_fork(peer, variant->fn);
	while (!peer_done(peer) &&
	       now_ns(CLOCK_MONOTONIC) < peer->deadline + STATE_TIMEOUT) {
		/* Each signal hits a peer that is asleep again. */
		if (has_waiters(self->fd, 0, 0))
			sched_yield();
		else
			kill(peer->pid, SIGUSR1);
	}
	EXPECT_LE(peer->deadline, now_ns(CLOCK_MONOTONIC));
	EXPECT_TRUE(peer_done(peer));
	if (!peer_done(peer))
		kill(peer->pid, SIGKILL);
	EXPECT_EQ(-ETIMEDOUT, peer_join(peer));
	EXPECT_LT(0, signals_of(peer));
	check_info(self->fd, 0, 0, 0, 0);
}

/*
 * A completed transfer is never reported as EINTR: the peer repeats what was
 * interrupted, so a false EINTR doubles a message, or loses one.
 */

static int peer_send_all(struct peer *peer)
{
	__u64 i;
	int ret;

	if (handle_signal(SIGUSR1, 0))
		return PEER_FAILED;
	for (i = 0; i < peer->count; i++) {
		do {
			ret = send_u64(peer->fd, i);
			if (ret == -EINTR)
				peer->value++;
		} while (ret == -EINTR);
		if (ret)
			return ret;
	}
	return 0;
}

static int peer_recv_all(struct peer *peer)
{
	__u64 value, next = 0;
	int ret;

	if (handle_signal(SIGUSR1, 0))
		return PEER_FAILED;
	for (;;) {
		ret = recv_u64(peer->fd, &value);
		if (ret == -EINTR) {
			peer->value++;
			continue;
		}
		if (ret <= 0)
			break;
		if (value != next++)
			return PEER_FAILED;
	}
	peer->count = next;
	return ret;
}

FIXTURE(signalled) {
	int fd;
};

FIXTURE_VARIANT(signalled) {
	__u32 capacity;
};

FIXTURE_VARIANT_ADD(signalled, unbuffered) {
	.capacity = 0,
};

FIXTURE_VARIANT_ADD(signalled, buffered) {
	.capacity = 2,
};

FIXTURE_SETUP(signalled)
{
	self->fd = new_chan(0, 8, variant->capacity);
}

FIXTURE_TEARDOWN(signalled)
{
	close(self->fd);
}

TEST_F(signalled, sender_neither_loses_nor_doubles_a_message)
{
	struct peer *peer = peer_new(self->fd, 0);
	__u64 i, value;

	peer->count = scaled(4000, 200);
	peer_fork(peer, peer_send_all);
	await_waiters(self->fd, 1, 0);
	for (i = 0; i < peer->count; i++) {
		kill(peer->pid, SIGUSR1);
		ASSERT_EQ(1, recv_u64(self->fd, &value));
		ASSERT_EQ(i, value);
	}
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_LT(0, signals_of(peer));
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(signalled, receiver_neither_loses_nor_doubles_a_message)
{
	__u64 i, count = scaled(4000, 200);
	struct peer *peer;

	peer = peer_start(peer_recv_all, self->fd, 0);
	await_waiters(self->fd, 0, 1);
	for (i = 0; i < count; i++) {
		kill(peer->pid, SIGUSR1);
		ASSERT_EQ(0, send_u64(self->fd, i));
	}
	EXPECT_EQ(0, chan_close(self->fd));
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(count, peer->count);
	EXPECT_LT(0, signals_of(peer));
}

/* Time namespaces: the clock of the caller counts, whatever it shows. */

FIXTURE(timens) {
	int fd;
	int error;
};

FIXTURE_VARIANT(timens) {
	const char *offset;
};

FIXTURE_VARIANT_ADD(timens, ahead) {
	.offset = "1 1000 0",
};

FIXTURE_VARIANT_ADD(timens, behind) {
	.offset = "1 -1 0",
};

FIXTURE_SETUP(timens)
{
	int len = strlen(variant->offset), file;

	self->fd = new_chan(0, 8, 0);
	if (unshare(CLONE_NEWTIME)) {
		self->error = errno;
		return;
	}
	/* Children live in the new namespace, this process does not. */
	file = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, file);
	ASSERT_EQ(len, write(file, variant->offset, len));
	close(file);
}

FIXTURE_TEARDOWN(timens)
{
	close(self->fd);
}

/* Out: @value: what the clock shows after the timeouts. */
static int peer_timens(struct peer *peer)
{
	__u64 value, deadline;
	int ret;

	if (recv_u64_until(peer->fd, &value, 0) != -ETIMEDOUT)
		return PEER_FAILED;
	deadline = now_ns(CLOCK_MONOTONIC) - 1;
	if (recv_u64_until(peer->fd, &value, deadline) != -ETIMEDOUT)
		return PEER_FAILED;
	deadline = in_ms(50);
	ret = recv_u64_until(peer->fd, &value, deadline);
	peer->value = now_ns(CLOCK_MONOTONIC);
	if (peer->value < deadline)
		return PEER_FAILED;
	return ret;
}

TEST_F(timens, deadline_is_of_the_callers_clock)
{
	__u64 before = now_ns(CLOCK_MONOTONIC), after;
	struct peer *peer;

	if (self->error)
		SKIP(return, "no time namespace: %s", strerror(self->error));
	peer = peer_start(peer_timens, self->fd, 0);
	EXPECT_EQ(-ETIMEDOUT, peer_join(peer));
	after = now_ns(CLOCK_MONOTONIC);
	/* The peer's clock did differ, and its waits were short by ours. */
	EXPECT_TRUE(peer->value < before || peer->value > after);
	EXPECT_GT(before + 900 * NSEC_PER_SEC, after);
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(timens, far_future_deadline_waits)
{
	static const __u64 deadlines[] = {
		GOCHAN_NO_DEADLINE, GOCHAN_NO_DEADLINE - 1,
		1ULL << 63, (1ULL << 63) - 1, (1ULL << 63) - 2,
	};
	struct peer *peer;
	unsigned int i;

	if (self->error)
		SKIP(return, "no time namespace: %s", strerror(self->error));
	for (i = 0; i < ARRAY_SIZE(deadlines); i++) {
		peer = peer_new(self->fd, 0);
		peer->deadline = deadlines[i];
		peer_fork(peer, peer_recv);
		await_waiters(self->fd, 0, 1);
		EXPECT_EQ(0, send_u64(self->fd, i));
		EXPECT_EQ(1, peer_join(peer));
		EXPECT_EQ(i, peer->value);
	}
}

/* What /proc shows. */

static int read_fdinfo(int fd, char *text, size_t size)
{
	char path[64];
	ssize_t len;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return -errno;
	len = read(info, text, size - 1);
	close(info);
	if (len < 0)
		return -errno;
	text[len] = '\0';
	return 0;
}

/* Our keys come last, in this order, one line each, and nothing else. */
#define check_fdinfo(fd, size, varlen, cap, len, closed, send, recv)	\
	do {								\
		char __text[2048], __want[512];				\
		const char *__ours;					\
									\
		snprintf(__want, sizeof(__want),			\
			 "\ngochan-type:\tchan\n"			\
			 "gochan-elem-size:\t%d\n"			\
			 "gochan-varlen:\t%d\n"				\
			 "gochan-autoclose:\t0\n"			\
			 "gochan-capacity:\t%d\n"			\
			 "gochan-length:\t%d\n"				\
			 "gochan-closed:\t%d\n"				\
			 "gochan-senders:\t%d\n"			\
			 "gochan-receivers:\t%d\n",			\
			 size, varlen, cap, len, closed, send, recv);	\
		ASSERT_EQ(0, read_fdinfo(fd, __text, sizeof(__text)));	\
		ASSERT_EQ(0, strncmp(__text, "pos:\t0\n", 7));		\
		__ours = strstr(__text, "\ngochan-type:");		\
		ASSERT_NE(NULL, __ours);				\
		EXPECT_STREQ(__want, __ours);				\
	} while (0)

TEST(fdinfo_of_a_buffered_channel)
{
	int fd;

	fd = new_chan(0, 8, 3);
	check_fdinfo(fd, 8, 0, 3, 0, 0, 0, 0);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, try_send_u64(fd, 2));
	check_fdinfo(fd, 8, 0, 3, 2, 0, 0, 0);
	EXPECT_EQ(0, chan_close(fd));
	check_fdinfo(fd, 8, 0, 3, 2, 1, 0, 0);
}

TEST(fdinfo_of_a_varlen_channel)
{
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, 65536, 2);
	EXPECT_EQ(0, chan_try_send(fd, "a", 1));
	check_fdinfo(fd, 65536, 1, 2, 1, 0, 0, 0);
}

TEST(fdinfo_counts_the_sleepers)
{
	struct peer *a, *b;
	int fd;

	fd = new_chan(0, 16, 0);
	a = peer_start(peer_read, fd, 0);
	EXPECT_EQ(-EMSGSIZE, peer_join(a));
	close(fd);

	fd = new_chan(0, 8, 0);
	a = peer_start(peer_recv, fd, 0);
	b = peer_start(peer_recv, fd, 0);
	await_waiters(fd, 0, 2);
	check_fdinfo(fd, 8, 0, 0, 0, 0, 0, 2);
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(0, peer_join(a));
	EXPECT_EQ(0, peer_join(b));
	close(fd);

	fd = new_chan(0, 8, 0);
	a = peer_start(peer_send, fd, 0);
	await_waiters(fd, 1, 0);
	check_fdinfo(fd, 8, 0, 0, 0, 0, 1, 0);
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(a));
	check_fdinfo(fd, 8, 0, 0, 0, 0, 0, 0);
}

/* Quotas. */

/* Two users nobody else is. */
#define USER_A		51966
#define USER_B		51967

FIXTURE(quota) {
	struct quota_limits limits;
	bool usable;
};

FIXTURE_SETUP(quota)
{
	self->usable = quota_save(&self->limits);
}

FIXTURE_TEARDOWN(quota)
{
	if (!self->usable)
		return;
	EXPECT_EQ(0, quota_restore(&self->limits));
}

/* Create until it fails; how many there are, and with what error it ended. */
static int create_all(int *fds, int max, __u32 elem_size, __u32 capacity,
		      int *error)
{
	int n;

	for (n = 0; n < max; n++) {
		fds[n] = chan_create(0, elem_size, capacity);
		if (fds[n] < 0)
			break;
	}
	*error = n < max ? fds[n] : 0;
	return n;
}

static int peer_object_quota(struct peer *peer)
{
	int fds[32], error;

	if (!become(USER_A))
		return PEER_FAILED;
	peer->count = create_all(fds, ARRAY_SIZE(fds), 8, 1, &error);
	if (error != -EDQUOT || !peer->count)
		return PEER_FAILED;
	/* What exists is not affected, and what is freed can be had again. */
	if (try_send_u64(fds[0], 1))
		return PEER_FAILED;
	if (close(fds[0]))
		return PEER_FAILED;
	fds[0] = chan_create(0, 8, 1);
	if (fds[0] < 0)
		return PEER_FAILED;
	if (chan_create(0, 8, 1) != -EDQUOT)
		return PEER_FAILED;
	/* A duplicate is the same object. */
	if (dup(fds[0]) < 0 || close(fds[0]))
		return PEER_FAILED;
	if (chan_create(0, 8, 1) != -EDQUOT)
		return PEER_FAILED;
	return 0;
}

TEST_F(quota, limits_the_objects_of_a_user)
{
	struct peer *peer;

	if (!self->usable)
		SKIP(return, "cannot set " PARAMETERS "*");
	ASSERT_EQ(0, write_text(OBJECTS, "5"));
	peer = peer_start(peer_object_quota, -1, 0);
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(5, peer->count);
	/* The process is gone, and with it all it had. */
	peer = peer_start(peer_object_quota, -1, 0);
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(5, peer->count);
}

static int peer_byte_quota(struct peer *peer)
{
	int fds[32], error;

	(void)peer;
	if (!become(USER_A))
		return PEER_FAILED;
	/* 768 KiB of one MiB. */
	fds[0] = chan_create(0, 4096, 192);
	if (fds[0] < 0)
		return PEER_FAILED;
	if (chan_create(0, 4096, 192) != -EDQUOT)
		return PEER_FAILED;
	/* The one that failed is not charged. */
	fds[1] = chan_create(0, 4096, 16);
	if (fds[1] < 0)
		return PEER_FAILED;
	if (close(fds[0]))
		return PEER_FAILED;
	fds[0] = chan_create(0, 4096, 192);
	if (fds[0] < 0)
		return PEER_FAILED;
	if (close(fds[0]) || close(fds[1]))
		return PEER_FAILED;
	/* Bookkeeping counts as well: empty rings are not free. */
	if (create_all(fds, 16, 65536, 1, &error) >= 16 || error != -EDQUOT)
		return PEER_FAILED;
	return 0;
}

TEST_F(quota, limits_the_bytes_of_a_user)
{
	struct peer *peer;

	if (!self->usable)
		SKIP(return, "cannot set " PARAMETERS "*");
	ASSERT_EQ(0, write_text(BYTES, "1048576"));
	peer = peer_start(peer_byte_quota, -1, 0);
	EXPECT_EQ(0, peer_join(peer));
	peer = peer_start(peer_byte_quota, -1, 0);
	EXPECT_EQ(0, peer_join(peer));
}

/* Takes all that @value as a user may have, and then waits to be told. */
static int peer_hold(struct peer *peer)
{
	int fds[32], error;
	__u64 value;

	if (!become(peer->value))
		return PEER_FAILED;
	peer->count = create_all(fds, ARRAY_SIZE(fds), 8, 1, &error);
	return recv_u64(peer->fd, &value) ? error : 0;
}

TEST_F(quota, is_shared_by_a_users_processes_and_not_with_others)
{
	struct peer *first, *second, *other;
	int fd;

	if (!self->usable)
		SKIP(return, "cannot set " PARAMETERS "*");
	fd = new_chan(0, 8, 0);
	ASSERT_EQ(0, write_text(OBJECTS, "4"));
	first = peer_start(peer_hold, fd, USER_A);
	await_waiters(fd, 0, 1);
	second = peer_start(peer_hold, fd, USER_A);
	await_waiters(fd, 0, 2);
	other = peer_start(peer_hold, fd, USER_B);
	await_waiters(fd, 0, 3);
	EXPECT_EQ(4, first->count);
	EXPECT_EQ(0, second->count);
	EXPECT_EQ(4, other->count);
	/* A killed process gives back what it had. */
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(first));
	first = peer_start(peer_hold, fd, USER_A);
	await_waiters(fd, 0, 3);
	EXPECT_EQ(4, first->count);
	EXPECT_EQ(0, send_u64(fd, 0));
	EXPECT_EQ(0, send_u64(fd, 0));
	EXPECT_EQ(0, send_u64(fd, 0));
	EXPECT_EQ(-EDQUOT, peer_join(first));
	EXPECT_EQ(-EDQUOT, peer_join(second));
	EXPECT_EQ(-EDQUOT, peer_join(other));
}

/* Leaves what it made to a child, which waits to be told to go, and exits. */
static int peer_bequeath(struct peer *peer)
{
	int fds[32], error;
	__u64 value;

	if (!become(peer->value))
		return PEER_FAILED;
	peer->count = create_all(fds, ARRAY_SIZE(fds), 8, 1, &error);
	if (!fork_child()) {
		/* Outlive the creator, which goes once we sleep. */
		prctl(PR_SET_PDEATHSIG, 0);
		_exit(recv_u64(peer->fd, &value));
	}
	return wait_for(has_waiters(peer->fd, 0, 1)) ? error : PEER_FAILED;
}

/* Charged to who created it, for as long as anybody has it. */
TEST_F(quota, stays_charged_when_the_creator_has_gone)
{
	struct peer *first, *second;
	int fd;

	if (!self->usable)
		SKIP(return, "cannot set " PARAMETERS "*");
	fd = new_chan(0, 8, 0);
	ASSERT_EQ(0, write_text(OBJECTS, "3"));
	first = peer_start(peer_bequeath, fd, USER_A);
	EXPECT_EQ(-EDQUOT, peer_join(first));
	EXPECT_EQ(3, first->count);
	await_waiters(fd, 0, 1);
	second = peer_start(peer_hold, fd, USER_A);
	await_waiters(fd, 0, 2);
	EXPECT_EQ(0, second->count);
	EXPECT_EQ(0, send_u64(fd, 0));
	EXPECT_EQ(0, send_u64(fd, 0));
	EXPECT_EQ(-EDQUOT, peer_join(second));
}

TEST_F(quota, does_not_count_what_was_inherited_from_root)
{
	int fds[32], error, n, i;
	struct peer *peer;

	if (!self->usable)
		SKIP(return, "cannot set " PARAMETERS "*");
	ASSERT_EQ(0, write_text(OBJECTS, "3"));
	n = create_all(fds, 20, 8, 1, &error);
	EXPECT_EQ(20, n);
	EXPECT_EQ(0, error);
	/* Inherited from root: nothing of it counts for the user. */
	peer = peer_start(peer_object_quota, -1, 0);
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(3, peer->count);
	for (i = 0; i < n; i++)
		close(fds[i]);
}

TEST_F(quota, does_not_bind_root)
{
	int fds[20], error;

	if (!self->usable)
		SKIP(return, "cannot set " PARAMETERS "*");
	ASSERT_EQ(0, write_text(OBJECTS, "2"));
	ASSERT_EQ(0, write_text(BYTES, "4096"));
	EXPECT_EQ(20, create_all(fds, 20, 4096, 8, &error));
	EXPECT_EQ(0, error);
}

/*
 * Fault injection: the n-th allocation or user copy of a call is made to fail,
 * for all n, until the call gets by without meeting the failure.
 */

FIXTURE(fail_nth) {
	int nth;
	int fd;
	bool usable;
};

FIXTURE_SETUP(fail_nth)
{
	self->fd = new_chan(0, 4096, 1);
	self->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	self->usable = fail_nth_usable(self->nth);
}

FIXTURE_TEARDOWN(fail_nth)
{
	close(self->nth);
	close(self->fd);
}

TEST_F(fail_nth, create_fails_cleanly_or_succeeds)
{
	unsigned int n, failures = 0;
	int fd, usual_fd;
	bool hit = true;

	if (!self->usable)
		SKIP(return, "no fault injection");
	usual_fd = new_chan(0, 8, 1);
	close(usual_fd);
	for (n = 1; hit; n++) {
		ASSERT_GT(FAIL_NTH_MAX, n);
		fail_nth_set(self->nth, n);
		fd = chan_create(GOCHAN_CHAN_VARLEN, 4096, 4);
		hit = fail_nth_hit(self->nth);
		if (fd < 0) {
			EXPECT_TRUE(injected(fd));
			EXPECT_TRUE(hit);
			failures++;
			continue;
		}
		/* No failure before has left a descriptor behind. */
		EXPECT_EQ(usual_fd, fd);
		check_info(fd, 0, 0, 0, 0);
		EXPECT_EQ(0, close(fd));
	}
	EXPECT_LT(0, failures);
}

TEST_F(fail_nth, send_fails_cleanly_or_succeeds)
{
	static char buf[4096], out[4096];
	unsigned int n, failures = 0;
	__u32 len = sizeof(out);
	bool hit = true;
	int ret;

	if (!self->usable)
		SKIP(return, "no fault injection");
	for (n = 1; hit; n++) {
		ASSERT_GT(FAIL_NTH_MAX, n);
		memset(buf, n, sizeof(buf));
		fail_nth_set(self->nth, n);
		ret = chan_try_send(self->fd, buf, sizeof(buf));
		hit = fail_nth_hit(self->nth);
		check_info(self->fd, !ret, 0, 0, 0);
		if (ret) {
			EXPECT_TRUE(injected(ret));
			EXPECT_TRUE(hit);
			failures++;
			continue;
		}
		EXPECT_EQ(1, chan_try_recv(self->fd, out, &len));
		EXPECT_EQ(0, memcmp(buf, out, sizeof(buf)));
	}
	EXPECT_LT(0, failures);
}

/* Receives with the n-th event failing, for all n. How many messages went? */
static unsigned int lost_by_failures(struct __test_metadata *_metadata,
				     struct _test_data_fail_nth *self)
{
	unsigned int n, failures = 0, lost = 0;
	static char buf[4096], out[4096];
	struct gochan_info info;
	bool hit = true;
	__u32 len;
	int ret;

	for (n = 1; hit; n++) {
		ASSERT_GT(FAIL_NTH_MAX, n);
		memset(buf, n, sizeof(buf));
		ASSERT_EQ(0, chan_try_send(self->fd, buf, sizeof(buf)));
		poison(out, sizeof(out));
		len = sizeof(out);
		fail_nth_set(self->nth, n);
		ret = chan_try_recv(self->fd, out, &len);
		hit = fail_nth_hit(self->nth);
		if (ret != 1) {
			EXPECT_TRUE(injected(ret));
			EXPECT_TRUE(hit);
			failures++;
			EXPECT_EQ(0, chan_info(self->fd, &info));
			if (ret == -EFAULT && !info.length) {
				lost++;
				continue;
			}
			EXPECT_TRUE(is_poison(out, sizeof(out)));
			ASSERT_EQ(1, chan_try_recv(self->fd, out, &len));
		}
		EXPECT_EQ(sizeof(out), len);
		EXPECT_EQ(0, memcmp(buf, out, sizeof(buf)));
		check_info(self->fd, 0, 0, 0, 0);
	}
	EXPECT_LT(0, failures);
	return lost;
}

/*
 * A failing allocation never costs a message. A failing copy to the user may,
 * as that is what memory looks like which went away during the call: the copy
 * of the message, but no other. (That of the results cannot be made to fail.)
 */
TEST_F(fail_nth, recv_loses_no_message)
{
	if (!self->usable)
		SKIP(return, "no fault injection");
	lost_by_failures(_metadata, self);
	ASSERT_TRUE(fail_copies_alone(true));
	EXPECT_EQ(1, lost_by_failures(_metadata, self));
}

TEST_HARNESS_MAIN
