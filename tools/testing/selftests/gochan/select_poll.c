// SPDX-License-Identifier: GPL-2.0
/*
 * GOCHAN_IOC_SELECT among channels and other files: a file is reported ready,
 * nothing is read from it, and exactly one case wins.
 */

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "poll_test.h"
#include "select_test.h"

static int poll_events(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int ret = poll(&pfd, 1, 0);

	return ret < 0 ? -errno : pfd.revents;
}

/*
 * Kinds of files. Each is a descriptor that is not readable, and a way to make
 * it readable; what is read from it then tells that nobody else has read.
 */

/**
 * struct source - a file that can become ready
 * @fd: the descriptor to wait for
 * @other: its other end, or -1
 * @pid: the process it is about
 */
struct source {
	int fd;
	int other;
	pid_t pid;
};

static int open_event(struct source *src)
{
	src->fd = event_new(0);
	return src->fd;
}

static int fire_event(struct source *src)
{
	return event_signal(src->fd) == 8 ? 0 : -1;
}

static int read_event(struct source *src)
{
	return event_take(src->fd) == 1 ? 0 : -1;
}

static int open_timer(struct source *src)
{
	src->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return src->fd;
}

static int fire_timer(struct source *src)
{
	struct itimerspec it = { .it_value.tv_nsec = 1000000 };

	return timerfd_settime(src->fd, 0, &it, NULL);
}

static int open_pipe(struct source *src)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -1;
	src->fd = fds[0];
	src->other = fds[1];
	return 0;
}

static int open_socket(struct source *src)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       fds))
		return -1;
	src->fd = fds[0];
	src->other = fds[1];
	return 0;
}

static int fire_bytes(struct source *src)
{
	return fd_write(src->other, "three", 6) == 6 ? 0 : -1;
}

static int read_bytes(struct source *src)
{
	char buf[16];

	if (fd_read(src->fd, buf, sizeof(buf)) != 6)
		return -1;
	return strcmp(buf, "three");
}

static int open_pidfd(struct source *src)
{
	src->pid = fork_child();
	if (!src->pid) {
		pause();
		_exit(0);
	}
	src->fd = syscall(SYS_pidfd_open, src->pid, 0);
	return src->fd;
}

static int fire_pidfd(struct source *src)
{
	return kill(src->pid, SIGKILL);
}

static int read_pidfd(struct source *src)
{
	return waitpid(src->pid, NULL, 0) == src->pid ? 0 : -1;
}

/* An epoll that watches an eventfd. */
static int open_epoll(struct source *src)
{
	src->other = event_new(0);
	src->fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_add(src->fd, src->other, EPOLLIN);
}

static int fire_epoll(struct source *src)
{
	return event_signal(src->other) == 8 ? 0 : -1;
}

static int read_epoll(struct source *src)
{
	return epoll_get(src->fd, 0) == EPOLLIN ? 0 : -1;
}

FIXTURE(file) {
	struct source src;
	struct selection *s;
	int fd;
};

FIXTURE_VARIANT(file) {
	int (*open)(struct source *src);
	int (*fire)(struct source *src);
	int (*read)(struct source *src);
};

FIXTURE_VARIANT_ADD(file, eventfd) {
	.open = open_event,
	.fire = fire_event,
	.read = read_event,
};

FIXTURE_VARIANT_ADD(file, timerfd) {
	.open = open_timer,
	.fire = fire_timer,
	.read = read_event,
};

FIXTURE_VARIANT_ADD(file, pipe) {
	.open = open_pipe,
	.fire = fire_bytes,
	.read = read_bytes,
};

FIXTURE_VARIANT_ADD(file, socket) {
	.open = open_socket,
	.fire = fire_bytes,
	.read = read_bytes,
};

FIXTURE_VARIANT_ADD(file, pidfd) {
	.open = open_pidfd,
	.fire = fire_pidfd,
	.read = read_pidfd,
};

FIXTURE_VARIANT_ADD(file, epoll) {
	.open = open_epoll,
	.fire = fire_epoll,
	.read = read_epoll,
};

FIXTURE_SETUP(file)
{
	self->src.other = -1;
	ASSERT_LE(0, variant->open(&self->src));
	self->fd = new_chan(0, 8, 1);
	self->s = selection_new();
	add_recv(self->s, self->fd);
	add_poll(self->s, self->src.fd, EPOLLIN);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
	close(self->src.fd);
	if (self->src.other >= 0)
		close(self->src.other);
}

static bool is_readable(int fd)
{
	return poll_events(fd, POLLIN) & POLLIN;
}

TEST_F(file, that_is_not_ready_is_not_chosen)
{
	check_blame(-EAGAIN, GOCHAN_NO_CASE, self->s);
	EXPECT_EQ(-ETIMEDOUT, run_select_flags(self->s, 0, in_ms(10)));
	ASSERT_EQ(0, try_send_u64(self->fd, 5));
	EXPECT_EQ(0, run_select_flags(self->s, 0, GOCHAN_NO_DEADLINE));
	EXPECT_EQ(5, self->s->values[0]);
}

TEST_F(file, that_is_ready_is_chosen_and_not_read)
{
	int i;

	ASSERT_EQ(0, variant->fire(&self->src));
	ASSERT_TRUE(wait_for(is_readable(self->src.fd)));
	for (i = 0; i < 3; i++) {
		self->s->cases[1].events = EPOLLIN;
		EXPECT_EQ(1, run_select(self->s));
		EXPECT_EQ(EPOLLIN, self->s->cases[1].events & EPOLLIN);
	}
	EXPECT_EQ(POISON_U64, self->s->values[0]);
	EXPECT_EQ(0, variant->read(&self->src));
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(file, that_becomes_ready_wakes)
{
	struct peer *peer = selection_start(self->s);

	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(0, variant->fire(&self->src));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(EPOLLIN, self->s->cases[1].events & EPOLLIN);
	EXPECT_EQ(POISON_U64, self->s->values[0]);
	EXPECT_EQ(0, variant->read(&self->src));
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(file, leaves_a_message_that_comes_later_in_the_channel)
{
	struct peer *peer = selection_start(self->s);

	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(0, variant->fire(&self->src));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(0, try_send_u64(self->fd, 6));
	check_next(self->fd, 6);
}

TEST_F(file, that_was_waited_for_in_vain_still_works)
{
	struct peer *peer = selection_start(self->s);

	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(0, try_send_u64(self->fd, 6));
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(6, self->s->values[0]);
	EXPECT_EQ(EPOLLIN, self->s->cases[1].events);
	EXPECT_EQ(0, variant->fire(&self->src));
	EXPECT_TRUE(wait_for(is_readable(self->src.fd)));
	EXPECT_EQ(0, variant->read(&self->src));
}

TEST_F(file, wakes_every_select_that_waits_for_it)
{
	struct selection *s[3];
	struct peer *peers[3];
	int i;

	for (i = 0; i < 3; i++) {
		s[i] = selection_new();
		add_recv(s[i], self->fd);
		add_poll(s[i], self->src.fd, EPOLLIN);
		peers[i] = selection_start(s[i]);
		await_waiters(self->fd, 0, i + 1);
	}
	EXPECT_EQ(0, variant->fire(&self->src));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, peer_join(peers[i]));
	check_info(self->fd, 0, 0, 0, 0);
	EXPECT_EQ(0, variant->read(&self->src));
}

/* Events. */

TEST(events_are_those_that_were_asked_for)
{
	struct selection *s = selection_new();
	int event = new_event(1);

	add_poll(s, event, EPOLLIN);
	EXPECT_EQ(0, try_select(s));
	EXPECT_EQ(EPOLLIN, s->cases[0].events);
	s->cases[0].events = EPOLLOUT;
	EXPECT_EQ(0, try_select(s));
	EXPECT_EQ(EPOLLOUT, s->cases[0].events);
	s->cases[0].events = EPOLLIN | EPOLLOUT | EPOLLPRI;
	EXPECT_EQ(0, try_select(s));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, s->cases[0].events);
	s->cases[0].events = EPOLLPRI;
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
	s->cases[0].events = 0;
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
	EXPECT_EQ(-ETIMEDOUT, run_select_flags(s, 0, in_ms(10)));
	EXPECT_EQ(1, event_take(event));
}

TEST(events_of_the_wrong_kind_do_not_wake)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 0), pair[2], i;
	struct peer *peer;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	add_poll(s, pair[0], EPOLLPRI);
	add_recv(s, fd);
	peer = selection_start(s);
	await_waiters(fd, 0, 1);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(1, fd_write(pair[1], "x", 1));
	EXPECT_EQ(0, send_u64(fd, 1));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(1, s->values[1]);
}

TEST(hangup_counts_although_nobody_asked)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 0), fds[2];
	struct peer *peer;

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	add_poll(s, fds[0], 0);
	add_recv(s, fd);
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
	EXPECT_EQ(1, fd_write(fds[1], "x", 1));
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
	s->args.flags = 0;
	peer = peer_new(gochan_dev, (uintptr_t)s);
	/* The peer must not hold the other end open. */
	peer->pid = fork_child();
	ASSERT_LE(0, peer->pid);
	if (!peer->pid) {
		close(fds[1]);
		peer->ret = peer_run_select(peer);
		_exit(0);
	}
	await_waiters(fd, 0, 1);
	EXPECT_EQ(0, close(fds[1]));
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(EPOLLHUP, s->cases[0].events);
	/* And it is there to stay. */
	s->cases[0].events = 0;
	EXPECT_EQ(0, try_select(s));
	EXPECT_EQ(EPOLLHUP, s->cases[0].events);
}

TEST(error_counts_although_nobody_asked)
{
	struct selection *s = selection_new();
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	add_poll(s, fds[1], 0);
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
	close(fds[0]);
	EXPECT_EQ(0, try_select(s));
	EXPECT_EQ(EPOLLERR, s->cases[0].events);
}

TEST(files_that_are_writable_are_ready_for_that)
{
	struct selection *s = selection_new();
	char block[4096] = { 0 };
	struct peer *peer;
	int fds[2], fd;

	fd = new_chan(0, 8, 0);
	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC | O_NONBLOCK));
	add_poll(s, fds[1], EPOLLOUT);
	add_recv(s, fd);
	EXPECT_EQ(0, try_select(s));
	EXPECT_EQ(EPOLLOUT, s->cases[0].events);
	while (fd_write(fds[1], block, sizeof(block)) > 0)
		;
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
	s->args.flags = 0;
	peer = selection_start(s);
	await_waiters(fd, 0, 1);
	while (fd_read(fds[0], block, sizeof(block)) > 0)
		;
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(EPOLLOUT, s->cases[0].events);
}

/* The choice among files and channels. */

TEST(files_and_channels_have_equal_chances)
{
	unsigned int n = scaled(10000, 1000), i, c;
	struct selection *s = selection_new();
	__s64 chosen[4] = { 0 }, off;
	int end = new_chan(0, 8, 0);

	ASSERT_EQ(0, chan_close(end));
	add_poll(s, new_event(1), EPOLLIN);
	add_recv(s, end);
	add_poll(s, new_event(1), EPOLLIN);
	add_poll(s, s->cases[0].fd, EPOLLIN);
	for (i = 0; i < n; i++) {
		int ret = run_select(s);

		ASSERT_LE(0, ret);
		chosen[ret]++;
	}
	for (c = 0; c < 4; c++) {
		/* 10 sigma. */
		off = 4 * chosen[c] - n;
		EXPECT_LE(off * off, 100 * n * 3);
	}
}

TEST(first_takes_files_and_channels_in_order)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 1), event = new_event(1), i;

	ASSERT_EQ(0, try_send_u64(fd, 1));
	s->args.flags = GOCHAN_SELECT_FIRST;
	add_poll(s, event, EPOLLIN);
	add_recv(s, fd);
	add_poll(s, event, EPOLLIN);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(0, run_select(s));
	s->cases[0].fd = -1;
	EXPECT_EQ(1, run_select(s));
	for (i = 0; i < 20; i++)
		EXPECT_EQ(2, run_select(s));
}

/* Which of three cases of one eventfd is chosen when it wakes the select. */
static int wake_triple(struct __test_metadata *_metadata, struct selection *s,
		       int event, unsigned int flags)
{
	struct peer *peer;
	int i, ret;

	selection_reset(s);
	s->args.flags = flags;
	for (i = 0; i < 3; i++)
		add_poll(s, event, EPOLLIN);
	peer = selection_start(s);
	await_asleep(peer);
	event_signal(event);
	ret = peer_join(peer);
	return event_take(event) == 1 ? ret : -EIO;
}

TEST(first_takes_the_first_case_of_a_file_that_wakes)
{
	struct selection *s = selection_new();
	int event = new_event(0), i;

	for (i = 0; i < 20; i++)
		EXPECT_EQ(0, wake_triple(_metadata, s, event,
					 GOCHAN_SELECT_FIRST));
}

TEST(each_case_of_a_file_that_wakes_can_be_chosen)
{
	struct selection *s = selection_new();
	int event = new_event(0), chosen[3] = { 0 }, i, ret;

	/* One of them is left out once in 2^57. */
	for (i = 0; i < 100; i++) {
		ret = wake_triple(_metadata, s, event, 0);
		ASSERT_LE(0, ret);
		ASSERT_GT(3, ret);
		chosen[ret]++;
	}
	for (i = 0; i < 3; i++)
		EXPECT_LT(0, chosen[i]);
}

TEST(each_of_64_files_can_wake)
{
	struct selection *s = selection_new();
	int events[GOCHAN_SELECT_MAX], i, k;
	struct peer *peer;

	for (i = 0; i < (int)GOCHAN_SELECT_MAX; i++)
		events[i] = new_event(0);
	for (k = 0; k < (int)GOCHAN_SELECT_MAX; k++) {
		selection_reset(s);
		for (i = 0; i < (int)GOCHAN_SELECT_MAX; i++)
			add_poll(s, events[i], EPOLLIN);
		peer = selection_start(s);
		await_asleep(peer);
		EXPECT_EQ(8, event_signal(events[k]));
		EXPECT_EQ(k, peer_join(peer));
		EXPECT_EQ(1, event_take(events[k]));
	}
}

/* The channel's own wake-up comes a second time, by way of the epoll. */
TEST(epoll_of_a_channel_of_the_same_select_works)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 1), ep, i, ret;
	struct peer *peer;

	ep = new_epoll(fd, EPOLLIN);
	for (i = 0; i < 50; i++) {
		selection_reset(s);
		add_poll(s, ep, EPOLLIN);
		add_recv(s, fd);
		peer = selection_start(s);
		await_waiters(fd, 0, 1);
		EXPECT_EQ(0, try_send_u64(fd, i));
		ret = peer_join(peer);
		/* A hand-off is no event: the message is the receive's. */
		EXPECT_EQ(1, ret);
		EXPECT_EQ(i, (int)s->values[1]);
		check_info(fd, 0, 0, 0, 0);
	}
	selection_reset(s);
	ASSERT_EQ(0, try_send_u64(fd, 1));
	add_poll(s, ep, EPOLLIN);
	EXPECT_EQ(0, try_select(s));
	check_next(fd, 1);
}

TEST_HARNESS_MAIN
