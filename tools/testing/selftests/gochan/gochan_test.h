/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared helpers of the gochan selftests.
 *
 * No test sleeps to let a peer get somewhere: it waits for the state it needs,
 * as GOCHAN_IOC_INFO or /proc shows it. Peers are processes, because the
 * harness cannot report an assertion from a thread; what they saw comes back
 * in shared memory and is judged by the test.
 */

#ifndef GOCHAN_TEST_H
#define GOCHAN_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/gochan.h>

#include "kselftest_harness.h"

/* An emulated debug kernel needs more than the harness's 30 seconds. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	60

#define GOCHAN_DEVICE		"/dev/gochan"

#define NSEC_PER_SEC		1000000000ULL
#define NSEC_PER_MSEC		1000000ULL

/* How long a state may take to come about before a test gives up on it. */
#define STATE_TIMEOUT		(30 * NSEC_PER_SEC)

/* What output buffers and output fields hold before a call. */
#define POISON_BYTE		0xa5
#define POISON_U32		0xa5a5a5a5U
#define POISON_U64		0xa5a5a5a5a5a5a5a5ULL

/* Returned instead of an error that had changed its output fields as well. */
#define OUTPUT_TOUCHED		(-2000)

/* Opened before the first test, inherited by every process of the program. */
static int gochan_dev = -1;

static __attribute__((constructor)) void gochan_open_device(void)
{
	gochan_dev = open(GOCHAN_DEVICE, O_RDWR | O_CLOEXEC);
	if (gochan_dev >= 0)
		return;
	ksft_print_header();
	if (errno != ENOENT)
		ksft_exit_fail_msg("cannot open " GOCHAN_DEVICE ": %s\n",
				   strerror(errno));
	ksft_exit_skip("cannot open " GOCHAN_DEVICE ": %s\n", strerror(errno));
}

/* Fixed amounts of work, cut down for slow tiers by GOCHAN_TEST_SCALE. */
static inline unsigned int scaled(unsigned int count, unsigned int minimum)
{
	const char *env = getenv("GOCHAN_TEST_SCALE");
	unsigned long long n = count;

	if (env)
		n = n * strtoul(env, NULL, 10) / 100;
	return n < minimum ? minimum : n;
}

static inline __u64 now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static inline __u64 in_ms(__u64 ms)
{
	return now_ns(CLOCK_MONOTONIC) + ms * NSEC_PER_MSEC;
}

static inline bool is_filled(const void *mem, int byte, size_t len)
{
	const unsigned char *p = mem;

	while (len && *p == (unsigned char)byte) {
		p++;
		len--;
	}
	return !len;
}

#define is_poison(mem, len)	is_filled(mem, POISON_BYTE, len)
#define poison(mem, len)	memset(mem, POISON_BYTE, len)

/*
 * System calls. All return what the call did, or the negated errno, so that
 * one comparison in the test says everything.
 */

static inline int chan_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

static inline int chan_create(__u32 flags, __u32 elem_size, __u32 capacity)
{
	struct gochan_chan_create args = {
		.size = sizeof(args),
		.flags = flags,
		.elem_size = elem_size,
		.capacity = capacity,
	};

	return chan_ioctl(gochan_dev, GOCHAN_IOC_CHAN_CREATE, &args);
}

static inline int chan_close(int fd)
{
	return chan_ioctl(fd, GOCHAN_IOC_CLOSE, NULL);
}

static inline int chan_info(int fd, struct gochan_info *info)
{
	poison(info, sizeof(*info));
	info->size = sizeof(*info);
	info->flags = 0;
	return chan_ioctl(fd, GOCHAN_IOC_INFO, info);
}

static inline int send_msg(int fd, const void *buf, __u32 len, __u32 flags,
			   __u64 deadline)
{
	struct gochan_msg msg = {
		.size = sizeof(msg),
		.flags = flags,
		.buf = (uintptr_t)buf,
		.len = len,
		.deadline = deadline,
	};

	return chan_ioctl(fd, GOCHAN_IOC_SEND, &msg);
}

/* @len: in: room at @buf, out: length of the message. Returns ok, or -errno. */
static inline int recv_msg(int fd, void *buf, __u32 *len, __u32 flags,
			   __u64 deadline)
{
	struct gochan_msg msg = {
		.size = sizeof(msg),
		.flags = flags,
		.buf = (uintptr_t)buf,
		.len = *len,
		.ok = POISON_U32,
		.deadline = deadline,
	};
	int ret;

	ret = chan_ioctl(fd, GOCHAN_IOC_RECV, &msg);
	if (ret < 0 && (msg.ok != POISON_U32 || msg.len != *len))
		return OUTPUT_TOUCHED;
	if (ret < 0)
		return ret;
	*len = msg.len;
	return msg.ok;
}

static inline int chan_send(int fd, const void *buf, __u32 len)
{
	return send_msg(fd, buf, len, 0, GOCHAN_NO_DEADLINE);
}

static inline int chan_try_send(int fd, const void *buf, __u32 len)
{
	return send_msg(fd, buf, len, GOCHAN_MSG_NONBLOCK, GOCHAN_NO_DEADLINE);
}

static inline int chan_recv(int fd, void *buf, __u32 *len)
{
	return recv_msg(fd, buf, len, 0, GOCHAN_NO_DEADLINE);
}

static inline int chan_try_recv(int fd, void *buf, __u32 *len)
{
	return recv_msg(fd, buf, len, GOCHAN_MSG_NONBLOCK, GOCHAN_NO_DEADLINE);
}

static inline int chan_restrict(int fd, __u32 rights)
{
	struct gochan_restrict args = {
		.size = sizeof(args),
		.rights = rights,
	};

	return chan_ioctl(fd, GOCHAN_IOC_RESTRICT, &args);
}

/* The first message that is buffered, which stays there. */
static inline int chan_peek(int fd, void *buf, __u32 *len)
{
	return recv_msg(fd, buf, len, GOCHAN_MSG_PEEK, GOCHAN_NO_DEADLINE);
}

/*
 * Batches: the return value of the call, which @done must agree with; and @ok,
 * which only a receive that succeeds may change.
 */
static inline int move_many(int fd, unsigned long cmd,
			    struct gochan_msg_batch *batch)
{
	__u32 ok = batch->ok, count = batch->count, done;
	int ret;

	batch->size = sizeof(*batch);
	batch->done = POISON_U32;
	ret = chan_ioctl(fd, cmd, batch);
	done = ret < 0 ? 0 : ret;
	/* Without the right, the structure is not even looked at. */
	if (ret == -EBADF)
		done = POISON_U32;
	if (batch->count != count || batch->done != done)
		return OUTPUT_TOUCHED;
	if (ret < 0)
		return batch->ok == ok ? ret : OUTPUT_TOUCHED;
	if (cmd == GOCHAN_IOC_RECV_MANY)
		ok = ret > 0;
	return batch->ok == ok ? ret : OUTPUT_TOUCHED;
}

/* Of channels with elements of 8 bytes. */

static inline int send_many(int fd, const void *buf, __u32 count, __u32 flags)
{
	struct gochan_msg_batch batch = {
		.flags = flags,
		.buf = (uintptr_t)buf,
		.elem_size = sizeof(__u64),
		.count = count,
		.deadline = GOCHAN_NO_DEADLINE,
	};

	return move_many(fd, GOCHAN_IOC_SEND_MANY, &batch);
}

static inline int recv_many(int fd, void *buf, __u32 count, __u32 flags)
{
	struct gochan_msg_batch batch = {
		.flags = flags,
		.buf = (uintptr_t)buf,
		.elem_size = sizeof(__u64),
		.count = count,
		.ok = POISON_U32,
		.deadline = GOCHAN_NO_DEADLINE,
	};

	return move_many(fd, GOCHAN_IOC_RECV_MANY, &batch);
}

/* Throw away up to @count messages that are buffered. */
static inline int drain(int fd, __u32 count)
{
	struct gochan_msg_batch batch = {
		.flags = GOCHAN_MSG_NONBLOCK,
		.count = count,
		.ok = POISON_U32,
	};

	return move_many(fd, GOCHAN_IOC_RECV_MANY, &batch);
}

/* Most tests use channels of one __u64. */

static inline int send_u64(int fd, __u64 value)
{
	return chan_send(fd, &value, sizeof(value));
}

static inline int try_send_u64(int fd, __u64 value)
{
	return chan_try_send(fd, &value, sizeof(value));
}

static inline int recv_u64_until(int fd, __u64 *value, __u64 deadline)
{
	__u32 len = sizeof(*value);

	*value = POISON_U64;
	return recv_msg(fd, value, &len, 0, deadline);
}

static inline int recv_u64(int fd, __u64 *value)
{
	return recv_u64_until(fd, value, GOCHAN_NO_DEADLINE);
}

static inline int try_recv_u64(int fd, __u64 *value)
{
	__u32 len = sizeof(*value);

	*value = POISON_U64;
	return chan_try_recv(fd, value, &len);
}

static inline int fd_read(int fd, void *buf, size_t count)
{
	ssize_t ret = read(fd, buf, count);

	return ret < 0 ? -errno : ret;
}

static inline int fd_write(int fd, const void *buf, size_t count)
{
	ssize_t ret = write(fd, buf, count);

	return ret < 0 ? -errno : ret;
}

static inline int fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

/* Checks that report the line of the test. */

#define check_info(fd, length_, closed_, senders_, receivers_)		\
	do {								\
		struct gochan_info __info;				\
									\
		EXPECT_EQ(0, chan_info(fd, &__info));			\
		EXPECT_EQ((__u32)(length_), __info.length);		\
		EXPECT_EQ((__u32)(closed_), __info.closed);		\
		EXPECT_EQ((__u32)(senders_), __info.senders);		\
		EXPECT_EQ((__u32)(receivers_), __info.receivers);	\
	} while (0)

/* The next message is @value: nothing was lost, doubled or reordered. */
#define check_next(fd, value_)						\
	do {								\
		__u64 __got;						\
									\
		EXPECT_EQ(1, try_recv_u64(fd, &__got));			\
		EXPECT_EQ((__u64)(value_), __got);			\
	} while (0)

#define check_drained(fd)						\
	do {								\
		__u64 __got;						\
									\
		EXPECT_EQ(-EAGAIN, try_recv_u64(fd, &__got));		\
		EXPECT_EQ(POISON_U64, __got);				\
	} while (0)

#define new_chan(flags, elem_size, capacity)				\
	({								\
		int __fd = chan_create(flags, elem_size, capacity);	\
									\
		ASSERT_LE(0, __fd);					\
		__fd;							\
	})

#define new_end(fd, rights)						\
	({								\
		int __end = chan_restrict(fd, rights);			\
									\
		ASSERT_LE(0, __end);					\
		__end;							\
	})

/* Waiting for a state. */

static inline void short_pause(unsigned int turn)
{
	if (turn < 100)
		sched_yield();
	else
		poll(NULL, 0, 1);
}

#define wait_for(cond)							\
	({								\
		__u64 __end = now_ns(CLOCK_MONOTONIC) + STATE_TIMEOUT;	\
		unsigned int __turn = 0;				\
		bool __met;						\
									\
		for (;;) {						\
			__met = (cond);					\
			if (__met || now_ns(CLOCK_MONOTONIC) > __end)	\
				break;					\
			short_pause(__turn++);				\
		}							\
		__met;							\
	})

static inline bool has_waiters(int fd, __u32 senders, __u32 receivers)
{
	struct gochan_info info;

	return !chan_info(fd, &info) && info.senders == senders &&
	       info.receivers == receivers;
}

/* Peers are asleep on the channel: exactly that many, no more, no fewer. */
#define await_waiters(fd, senders, receivers)				\
	ASSERT_TRUE(wait_for(has_waiters(fd, senders, receivers)))

/* Larger than the holes that tests unmap, so that no hole is filled again. */
#define SHARED_MIN		65536

static inline void *shared_alloc(size_t size)
{
	void *mem;

	if (size < SHARED_MIN)
		size = SHARED_MIN;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		abort();
	return mem;
}

/**
 * struct peer - another process, and the memory shared with it
 * @pid: the process
 * @fd: the channel it works on
 * @ret: what its function returned, PEER_NO_RESULT if it did not return
 * @ready: set by the peer right before the call that is to sleep
 * @signals: signals its handler has seen
 * @stop: set by the test to end the peer's loop
 * @value: the value to send, or the one received
 * @count: messages to move, or moved
 * @deadline: absolute CLOCK_MONOTONIC time for its operation
 */
struct peer {
	pid_t pid;
	int fd;
	int ret;
	int ready;
	int signals;
	int stop;
	__u64 value;
	__u64 count;
	__u64 deadline;
};

#define PEER_NO_RESULT		(-3000)
#define PEER_KILLED(sig)	(-4000 - (sig))

/* What a peer returns where it meets the unexpected: the failing line. */
#define PEER_FAILED		(10000 + __LINE__)

/* Shared by all processes of one test, for the signal handler below. */
static struct peer *this_peer;

/* A child that ends with the test: one that fails leaves no sleepers behind. */
static inline pid_t fork_child(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

static inline struct peer *peer_new(int fd, __u64 value)
{
	struct peer *peer = shared_alloc(sizeof(*peer));

	peer->fd = fd;
	peer->ret = PEER_NO_RESULT;
	peer->value = value;
	peer->deadline = GOCHAN_NO_DEADLINE;
	return peer;
}

static inline void peer_fork(struct peer *peer, int (*fn)(struct peer *peer))
{
	pid_t pid = fork_child();

	if (pid < 0)
		abort();
	if (!pid) {
		this_peer = peer;
		peer->ret = fn(peer);
		_exit(0);
	}
	peer->pid = pid;
}

static inline struct peer *peer_start(int (*fn)(struct peer *peer), int fd,
				      __u64 value)
{
	struct peer *peer = peer_new(fd, value);

	peer_fork(peer, fn);
	return peer;
}

/* The harness's timeout bounds the wait: it kills the whole group. */
static inline int peer_join(struct peer *peer)
{
	int status;

	while (waitpid(peer->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return PEER_NO_RESULT;
	}
	if (WIFSIGNALED(status))
		return PEER_KILLED(WTERMSIG(status));
	return peer->ret;
}

static inline int peer_kill(struct peer *peer)
{
	kill(peer->pid, SIGKILL);
	return peer_join(peer);
}

/* Its function has returned: the result is there, the process may be. */
static inline bool peer_done(struct peer *peer)
{
	return __atomic_load_n(&peer->ret, __ATOMIC_SEQ_CST) != PEER_NO_RESULT;
}

/* Asleep in the call announced by @ready: nothing else sleeps after that. */
static inline bool peer_asleep(struct peer *peer)
{
	char path[64], text[512];
	const char *state;
	ssize_t len;
	int fd;

	if (!__atomic_load_n(&peer->ready, __ATOMIC_ACQUIRE))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", peer->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	state = strrchr(text, ')');
	return state && !strncmp(state, ") S", 3);
}

#define await_asleep(peer)	ASSERT_TRUE(wait_for(peer_asleep(peer)))

static inline void peer_ready(struct peer *peer)
{
	__atomic_store_n(&peer->ready, 1, __ATOMIC_RELEASE);
}

/* What peers commonly do. */

static inline int peer_send(struct peer *peer)
{
	return send_msg(peer->fd, &peer->value, sizeof(peer->value), 0,
			peer->deadline);
}

static inline int peer_recv(struct peer *peer)
{
	__u64 value;
	int ret;

	ret = recv_u64_until(peer->fd, &value, peer->deadline);
	peer->value = value;
	return ret;
}

static inline int peer_write(struct peer *peer)
{
	return fd_write(peer->fd, &peer->value, sizeof(peer->value));
}

static inline int peer_read(struct peer *peer)
{
	return fd_read(peer->fd, &peer->value, sizeof(peer->value));
}

static inline void count_signal(int sig)
{
	(void)sig;
	__atomic_fetch_add(&this_peer->signals, 1, __ATOMIC_SEQ_CST);
}

static inline int handle_signal(int sig, int flags)
{
	struct sigaction sa = {
		.sa_handler = count_signal,
		.sa_flags = flags,
	};

	return sigaction(sig, &sa, NULL);
}

#endif /* GOCHAN_TEST_H */
