// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors with fewer rights: what they are, what each may do, and what
 * poll, select and epoll tell about them.
 */

#include <sys/uio.h>

#include "poll_test.h"

#define BOTH	(GOCHAN_RIGHT_SEND | GOCHAN_RIGHT_RECV)

FIXTURE(ends) {
	int fd;
	int send;
	int recv;
};

FIXTURE_VARIANT(ends) {
	__u32 capacity;
};

FIXTURE_VARIANT_ADD(ends, unbuffered) {
	.capacity = 0,
};

FIXTURE_VARIANT_ADD(ends, one) {
	.capacity = 1,
};

FIXTURE_SETUP(ends)
{
	self->fd = new_chan(0, 8, variant->capacity);
	self->send = new_end(self->fd, GOCHAN_RIGHT_SEND);
	self->recv = new_end(self->fd, GOCHAN_RIGHT_RECV);
}

FIXTURE_TEARDOWN(ends)
{
	close(self->send);
	close(self->recv);
	close(self->fd);
}

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

/* What they are. */

TEST_F(ends, are_the_same_object)
{
	int other;

	other = new_chan(0, 8, 1);
	EXPECT_EQ(inode_of(self->fd), inode_of(self->send));
	EXPECT_EQ(inode_of(self->fd), inode_of(self->recv));
	EXPECT_NE(inode_of(self->fd), inode_of(other));
	close(other);
}

TEST_F(ends, show_their_access_mode)
{
	EXPECT_EQ(O_WRONLY, fcntl(self->send, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(O_RDONLY, fcntl(self->recv, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->send, F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->recv, F_GETFD));
}

TEST_F(ends, have_file_flags_of_their_own)
{
	__u64 value;
	int again;

	again = new_end(self->fd, BOTH);
	ASSERT_EQ(0, fd_set_nonblock(self->recv, true));
	EXPECT_EQ(-EAGAIN, recv_u64(self->recv, &value));
	EXPECT_EQ(0, fcntl(self->fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(0, fcntl(again, F_GETFL) & O_NONBLOCK);
	close(again);
}

TEST_F(ends, outlive_the_first_descriptor)
{
	struct peer *peer;
	__u64 value;

	close(self->fd);
	self->fd = -1;
	check_info(self->recv, 0, 0, 0, 0);
	peer = peer_start(peer_send, self->send, 12);
	EXPECT_EQ(1, recv_u64(self->recv, &value));
	EXPECT_EQ(12, value);
	EXPECT_EQ(0, peer_join(peer));
}

TEST_F(ends, cannot_be_reopened_with_more_rights)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->recv);
	EXPECT_EQ(-1, open(path, O_RDWR));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, open(path, O_WRONLY));
	EXPECT_EQ(ENXIO, errno);
}

/* What each may do. */

static int call_write(int fd)
{
	return fd_write(fd, "01234567", 8);
}

static int call_read(int fd)
{
	__u64 value;

	return fd_read(fd, &value, sizeof(value));
}

static int call_send(int fd)
{
	return try_send_u64(fd, 1);
}

static int call_recv(int fd)
{
	__u64 value;

	return try_recv_u64(fd, &value);
}

static int call_peek(int fd)
{
	__u64 value;
	__u32 len = sizeof(value);

	return chan_peek(fd, &value, &len);
}

static int call_send_many(int fd)
{
	__u64 value = 1;

	return send_many(fd, &value, 1, GOCHAN_MSG_NONBLOCK);
}

static int call_recv_many(int fd)
{
	__u64 value;

	return recv_many(fd, &value, 1, GOCHAN_MSG_NONBLOCK);
}

static int call_drain(int fd)
{
	return drain(fd, 1);
}

static int call_readv(int fd)
{
	__u64 value;
	struct iovec iov = { .iov_base = &value, .iov_len = sizeof(value) };

	return readv(fd, &iov, 1) < 0 ? -errno : 0;
}

static int call_writev(int fd)
{
	__u64 value = 0;
	struct iovec iov = { .iov_base = &value, .iov_len = sizeof(value) };

	return writev(fd, &iov, 1) < 0 ? -errno : 0;
}

static int (* const sends[])(int fd) = {
	call_write, call_send, call_send_many, call_writev, chan_close,
};

static int (* const receives[])(int fd) = {
	call_read, call_recv, call_peek, call_recv_many, call_drain, call_readv,
};

TEST_F(ends, refuse_what_they_have_no_right_to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sends); i++)
		EXPECT_EQ(-EBADF, sends[i](self->recv));
	for (i = 0; i < ARRAY_SIZE(receives); i++)
		EXPECT_EQ(-EBADF, receives[i](self->send));
	check_info(self->fd, 0, 0, 0, 0);
}

/* The right comes first: nothing else about the call matters without it. */
TEST_F(ends, refuse_bad_arguments_for_the_missing_right)
{
	EXPECT_EQ(-EBADF, chan_ioctl(self->recv, GOCHAN_IOC_SEND, NULL));
	EXPECT_EQ(-EBADF, chan_ioctl(self->recv, GOCHAN_IOC_CLOSE, (void *)1));
	EXPECT_EQ(-EBADF, chan_ioctl(self->send, GOCHAN_IOC_RECV, NULL));
	EXPECT_EQ(-ENOTTY, chan_ioctl(self->send,
				      _IO(GOCHAN_IOC_MAGIC, 0x1f), NULL));
}

TEST_F(ends, refuse_also_on_a_closed_channel)
{
	unsigned int i;

	ASSERT_EQ(0, chan_close(self->send));
	for (i = 0; i < ARRAY_SIZE(sends); i++)
		EXPECT_EQ(-EBADF, sends[i](self->recv));
	for (i = 0; i < ARRAY_SIZE(receives); i++)
		EXPECT_EQ(-EBADF, receives[i](self->send));
	EXPECT_EQ(0, call_recv(self->recv));
	EXPECT_EQ(-EPIPE, call_send(self->send));
	EXPECT_EQ(-ESHUTDOWN, chan_close(self->send));
}

TEST(ends_do_what_they_have_a_right_to)
{
	int fd, send, recv;

	fd = new_chan(0, 8, 8);
	send = new_end(fd, GOCHAN_RIGHT_SEND);
	recv = new_end(fd, GOCHAN_RIGHT_RECV);
	EXPECT_EQ(8, call_write(send));
	EXPECT_EQ(0, call_send(send));
	EXPECT_EQ(1, call_send_many(send));
	EXPECT_EQ(0, call_writev(send));
	check_info(send, 4, 0, 0, 0);
	check_info(recv, 4, 0, 0, 0);
	EXPECT_EQ(1, call_peek(recv));
	EXPECT_EQ(8, call_read(recv));
	EXPECT_EQ(1, call_recv(recv));
	EXPECT_EQ(1, call_recv_many(recv));
	EXPECT_EQ(1, call_drain(recv));
	EXPECT_EQ(0, chan_close(send));
	EXPECT_EQ(0, call_read(recv));
	check_info(recv, 0, 1, 0, 0);
}

/* Restricting further. */

TEST_F(ends, may_be_restricted_to_what_they_have)
{
	int again;

	again = new_end(self->send, GOCHAN_RIGHT_SEND);
	EXPECT_EQ(O_WRONLY, fcntl(again, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(inode_of(self->fd), inode_of(again));
	close(again);
	EXPECT_EQ(-EBADF, chan_restrict(self->send, GOCHAN_RIGHT_RECV));
	EXPECT_EQ(-EBADF, chan_restrict(self->send, BOTH));
	EXPECT_EQ(-EBADF, chan_restrict(self->recv, GOCHAN_RIGHT_SEND));
	EXPECT_EQ(-EBADF, chan_restrict(self->recv, BOTH));
}

TEST_F(ends, restrict_refuses_bad_arguments)
{
	struct {
		struct gochan_restrict args;
		__u32 more;
	} u = { .args = { .rights = GOCHAN_RIGHT_SEND } };
	unsigned int bit;

	EXPECT_EQ(-EINVAL, chan_restrict(self->fd, 0));
	for (bit = 2; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, chan_restrict(self->fd, 1U << bit | BOTH));
	for (; u.args.size < sizeof(u.args); u.args.size++)
		EXPECT_EQ(-EINVAL, chan_ioctl(self->fd, GOCHAN_IOC_RESTRICT,
					      &u));
	u.args.flags = 1;
	EXPECT_EQ(-EINVAL, chan_ioctl(self->fd, GOCHAN_IOC_RESTRICT, &u));
	u.args.flags = 0;
	u.args.pad = 1;
	EXPECT_EQ(-EINVAL, chan_ioctl(self->fd, GOCHAN_IOC_RESTRICT, &u));
	u.args.pad = 0;
	u.args.size = sizeof(u);
	u.more = 1;
	EXPECT_EQ(-E2BIG, chan_ioctl(self->fd, GOCHAN_IOC_RESTRICT, &u));
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, GOCHAN_IOC_RESTRICT, NULL));
	EXPECT_EQ(-ENOTTY, chan_restrict(gochan_dev, GOCHAN_RIGHT_SEND));
}

TEST_F(ends, restrict_beyond_the_fd_limit_fails)
{
	struct rlimit old, none;
	int last;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	last = dup(self->fd);
	ASSERT_LE(0, last);
	none = old;
	none.rlim_cur = last + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, chan_restrict(self->fd, BOTH));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	close(last);
	close(new_end(self->fd, BOTH));
}

/* More objects than a user may have, were they not given back. */
static int peer_many_objects(struct peer *peer)
{
	unsigned int i;

	if (setgid(65123) || setuid(65123))
		return PEER_FAILED;
	for (i = 0; i < peer->count; i++) {
		int fd = chan_create(GOCHAN_CHAN_AUTOCLOSE, 8, 1);
		int end = chan_restrict(fd, GOCHAN_RIGHT_RECV);

		if (fd < 0 || end < 0 || close(fd) || close(end))
			return PEER_FAILED;
	}
	return 0;
}

TEST(ends_are_charged_as_one_object_until_the_last_has_gone)
{
	struct peer *peer = peer_new(-1, 0);

	peer->count = 4500;
	peer_fork(peer, peer_many_objects);
	EXPECT_EQ(0, peer_join(peer));
}

/* Polling. */

#define SEND_BITS	(OUT_BITS | POLLHUP)
#define RECV_BITS	(IN_BITS | HUP_BITS)

/* A kernel without times of 32 bits has no select() for programs of 32 bits. */
static bool has_select(void)
{
	struct timeval zero = { 0 };

	return sizeof(long) > 4 || !select(0, NULL, NULL, NULL, &zero);
}

static bool select_agrees(int fd, int sets)
{
	return !has_select() || select_now(fd) == sets;
}

/* All three ways, on all three descriptors, agree with the first. */
static bool ends_agree(int fd, int send, int recv)
{
	static const int bits[] = { ALL_BITS, SEND_BITS, RECV_BITS };
	const int fds[] = { fd, send, recv };
	int all = poll_now(fd);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		int want = all & bits[i];
		/* To select, a descriptor that hung up is readable. */
		int sets = (want & (POLLIN | POLLHUP) ? POLLIN : 0) |
			   (want & POLLOUT);

		if (poll_now(fds[i]) != want ||
		    epoll_level_now(fds[i]) != want ||
		    !select_agrees(fds[i], sets))
			return false;
	}
	return true;
}

TEST_F(ends, poll_tells_only_what_each_may_do)
{
	struct peer *peer;
	unsigned int i;

	EXPECT_TRUE(ends_agree(self->fd, self->send, self->recv));
	peer = peer_start(peer_recv, self->recv, 0);
	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(OUT_BITS, poll_now(self->send));
	EXPECT_EQ(0, poll_now(self->recv));
	EXPECT_TRUE(ends_agree(self->fd, self->send, self->recv));
	EXPECT_EQ(0, send_u64(self->send, 1));
	EXPECT_EQ(1, peer_join(peer));

	for (i = 0; i < variant->capacity; i++)
		EXPECT_EQ(0, send_u64(self->send, 1));
	EXPECT_TRUE(ends_agree(self->fd, self->send, self->recv));
	peer = peer_start(peer_send, self->send, 0);
	await_waiters(self->fd, 1, 0);
	EXPECT_EQ(0, poll_now(self->send));
	EXPECT_EQ(IN_BITS, poll_now(self->recv));
	EXPECT_TRUE(ends_agree(self->fd, self->send, self->recv));
	for (i = 0; i <= variant->capacity; i++)
		EXPECT_EQ(1, call_recv(self->recv));
	EXPECT_EQ(0, peer_join(peer));

	EXPECT_EQ(0, chan_close(self->send));
	EXPECT_EQ(SEND_BITS, poll_now(self->send));
	EXPECT_EQ(RECV_BITS, poll_now(self->recv));
	EXPECT_TRUE(ends_agree(self->fd, self->send, self->recv));
}

TEST(edge_of_each_end_comes_for_its_own_events_only)
{
	int fd, send, recv, in, out;

	fd = new_chan(0, 8, 2);
	send = new_end(fd, GOCHAN_RIGHT_SEND);
	recv = new_end(fd, GOCHAN_RIGHT_RECV);
	in = new_epoll(recv, EPOLLIN | EPOLLOUT | EPOLLET);
	out = new_epoll(send, EPOLLIN | EPOLLOUT | EPOLLET);
	EXPECT_EQ(0, epoll_get(in, 0));
	EXPECT_EQ(EPOLLOUT, epoll_get(out, 0));
	EXPECT_EQ(0, call_send(fd));
	EXPECT_EQ(EPOLLIN, epoll_get(in, EVENT_MS));
	EXPECT_EQ(0, epoll_get(out, 0));
	EXPECT_EQ(0, call_send(fd));
	EXPECT_EQ(EPOLLIN, epoll_get(in, EVENT_MS));
	EXPECT_EQ(0, epoll_get(out, 0));
	/* A message is left, but a free slot is no event for a receiver. */
	EXPECT_EQ(1, call_recv(fd));
	EXPECT_EQ(0, epoll_get(in, 0));
	EXPECT_EQ(EPOLLOUT, epoll_get(out, EVENT_MS));
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(EPOLLIN | EPOLLHUP, epoll_get(in, EVENT_MS));
	EXPECT_EQ(EPOLLOUT | EPOLLHUP, epoll_get(out, EVENT_MS));
}

TEST(edge_of_a_batch_is_one_event)
{
	__u64 values[20] = { 0 };
	int fd, in, out;

	fd = new_chan(0, 8, 20);
	EXPECT_EQ(0, call_send(fd));
	in = new_epoll(fd, EPOLLIN | EPOLLET);
	out = new_epoll(fd, EPOLLOUT | EPOLLET);
	EXPECT_EQ(EPOLLIN, epoll_get(in, 0));
	EXPECT_EQ(EPOLLOUT, epoll_get(out, 0));
	EXPECT_EQ(19, send_many(fd, values, 20, 0));
	EXPECT_EQ(EPOLLIN, epoll_get(in, EVENT_MS));
	EXPECT_EQ(0, epoll_get(in, 0));
	EXPECT_EQ(0, epoll_get(out, 0));
	EXPECT_EQ(20, recv_many(fd, values, 20, 0));
	EXPECT_EQ(EPOLLOUT, epoll_get(out, EVENT_MS));
	EXPECT_EQ(0, epoll_get(out, 0));
	EXPECT_EQ(0, epoll_get(in, 0));
}

TEST(oneshot_of_an_end_reports_once_until_rearmed)
{
	int fd, recv, ep;

	fd = new_chan(0, 8, 2);
	recv = new_end(fd, GOCHAN_RIGHT_RECV);
	ep = new_epoll(recv, EPOLLIN | EPOLLONESHOT);
	EXPECT_EQ(0, call_send(fd));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, EVENT_MS));
	EXPECT_EQ(0, call_send(fd));
	EXPECT_EQ(0, epoll_get(ep, 0));
	ASSERT_EQ(0, epoll_mod(ep, recv, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, EVENT_MS));
}

/* In: @fd: an epoll descriptor. Out: the event. */
static int peer_epoll_wait(struct peer *peer)
{
	peer_ready(peer);
	return epoll_get(peer->fd, EVENT_MS);
}

/*
 * Exclusive watchers are woken one for each event. One on a receiving end that
 * asks for EPOLLOUT as well must not take a sender's event for itself.
 */
TEST(exclusive_watcher_of_one_end_leaves_the_other_its_events)
{
	__u32 both = EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE;
	struct peer *sender;
	int fd, send, recv;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, call_send(fd));
	send = new_end(fd, GOCHAN_RIGHT_SEND);
	recv = new_end(fd, GOCHAN_RIGHT_RECV);
	new_epoll(recv, both);
	sender = peer_start(peer_epoll_wait, new_epoll(send, both), 0);
	new_epoll(recv, both);
	await_asleep(sender);
	EXPECT_EQ(1, call_recv(fd));
	EXPECT_EQ(EPOLLOUT, peer_join(sender));
}

/* One message would wake one of them; a batch of two wakes both. */
TEST(exclusive_watchers_are_woken_for_each_message_of_a_batch)
{
	__u64 values[2] = { 0 };
	struct peer *peers[2];
	unsigned int i;
	int fd;

	fd = new_chan(0, 8, 4);
	for (i = 0; i < 2; i++) {
		peers[i] = peer_start(peer_epoll_wait,
				      new_epoll(fd, EPOLLIN | EPOLLEXCLUSIVE),
				      0);
		await_asleep(peers[i]);
	}
	EXPECT_EQ(2, send_many(fd, values, 2, 0));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(EPOLLIN, peer_join(peers[i]));
}

TEST_HARNESS_MAIN
