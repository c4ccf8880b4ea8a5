// SPDX-License-Identifier: GPL-2.0
/*
 * One process puts a message in and takes it out again: channels, and what else
 * carries messages of a process to another. Nobody ever sleeps, so this is the
 * price of the calls themselves.
 */

#include <mqueue.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "message.h"

/* Of each kind of message in each round. */
#define OPS		2048

static __u32 lens[BATCH];

/* The floor: a loop, and a system call that does nothing. */

static void run_loop(struct bench *b, unsigned long ops)
{
	(void)b;
	while (ops--)
		asm volatile("" : : : "memory");
}

static void run_getppid(struct bench *b, unsigned long ops)
{
	(void)b;
	while (ops--)
		syscall(SYS_getppid);
}

/* Files: a message is written to fd[1] and read from fd[0]. */

static int setup_pipe(struct bench *b)
{
	return pipe2(b->fd, O_CLOEXEC);
}

static int setup_eventfd(struct bench *b)
{
	/* A write adds the eight bytes to a counter, which a read resets. */
	buf[0] = 1;
	b->fd[0] = eventfd(0, EFD_CLOEXEC);
	b->fd[1] = b->fd[0];
	return b->fd[0] < 0 ? -1 : 0;
}

static int setup_seqpacket(struct bench *b)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, b->fd);
}

static int setup_chan(struct bench *b)
{
	b->fd[0] = chan_create(b->flags, b->n, BATCH);
	b->fd[1] = b->fd[0];
	return 0;
}

/* Another channel or pipe beside the first one; nothing is ever put in there. */

static int setup_two_chans(struct bench *b)
{
	b->fd[2] = chan_create(b->flags, b->n, BATCH);
	return setup_chan(b);
}

static int setup_two_pipes(struct bench *b)
{
	if (pipe2(&b->fd[2], O_CLOEXEC))
		return -1;
	return setup_pipe(b);
}

/* Something that is ready all the time. */

static int setup_full_chan(struct bench *b)
{
	setup_chan(b);
	return chan_send(b->fd[1], buf, b->n);
}

static int setup_full_pipe(struct bench *b)
{
	if (setup_pipe(b))
		return -1;
	return write(b->fd[1], buf, b->n) == (ssize_t)b->n ? 0 : -1;
}

static int setup_full_eventfd(struct bench *b)
{
	if (setup_eventfd(b))
		return -1;
	return write(b->fd[1], buf, b->n) == (ssize_t)b->n ? 0 : -1;
}

static void teardown_files(struct bench *b)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(b->fd); i++) {
		/* 0 is not ours; one descriptor may serve both ways. */
		if (b->fd[i] && (!i || b->fd[i] != b->fd[i - 1]))
			close(b->fd[i]);
		b->fd[i] = 0;
	}
}

/* Channels, by ioctl. */

static void run_many(struct bench *b, unsigned long calls)
{
	struct gochan_msg_batch out = {
		.size = sizeof(out),
		.buf = (uintptr_t)buf,
		.lens = b->flags & GOCHAN_CHAN_VARLEN ? (uintptr_t)lens : 0,
		.elem_size = b->n,
		.count = BATCH,
		.deadline = GOCHAN_NO_DEADLINE,
	};
	struct gochan_msg_batch in = out;
	size_t i;

	for (i = 0; i < BATCH; i++)
		lens[i] = b->n;
	while (calls--) {
		out.ok = 0;
		bench_must(ioctl(b->fd[1], GOCHAN_IOC_SEND_MANY, &out) ==
			   BATCH &&
			   ioctl(b->fd[0], GOCHAN_IOC_RECV_MANY, &in) == BATCH,
			   b);
	}
}

/* A message that arrives in one of two places, wherever that is. */

static void run_send_select(struct bench *b, unsigned long ops)
{
	struct gochan_select_case cases[2] = {
		{ .op = GOCHAN_CASE_RECV, .fd = b->fd[2] },
		{ .op = GOCHAN_CASE_RECV, .fd = b->fd[0] },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		cases[i].buf = (uintptr_t)buf;
	while (ops--) {
		bench_must(!chan_send(b->fd[1], buf, b->n), b);
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			cases[i].len = b->n;
			cases[i].ok = 0;
		}
		bench_must(chan_select(cases, ARRAY_SIZE(cases), 0) == 1, b);
	}
}

static void run_write_poll_read(struct bench *b, unsigned long ops)
{
	struct pollfd fds[2] = {
		{ .fd = b->fd[2], .events = POLLIN },
		{ .fd = b->fd[0], .events = POLLIN },
	};
	const ssize_t n = b->n;

	while (ops--)
		bench_must(write(b->fd[1], buf, n) == n &&
			   poll(fds, ARRAY_SIZE(fds), -1) == 1 &&
			   (fds[1].revents & POLLIN) &&
			   read(fds[1].fd, buf, n) == n, b);
}

static void run_poll(struct bench *b, unsigned long ops)
{
	struct pollfd fd = { .fd = b->fd[0], .events = POLLIN };

	while (ops--)
		bench_must(poll(&fd, 1, -1) == 1, b);
}

/* POSIX message queues. */

static int setup_mqueue(struct bench *b)
{
	/* As many messages as a user may have without asking for more. */
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = b->n };

	b->fd[0] = mq_open("/gochan-bench", O_RDWR | O_CREAT | O_EXCL, 0600,
			   &attr);
	if (b->fd[0] < 0) {
		b->fd[0] = 0;
		return -1;
	}
	return mq_unlink("/gochan-bench");
}

static void run_mqueue(struct bench *b, unsigned long ops)
{
	const ssize_t n = b->n;

	while (ops--)
		bench_must(!mq_send(b->fd[0], buf, n, 0) &&
			   mq_receive(b->fd[0], buf, n, NULL) == n, b);
}

static struct bench floor_benches[] = {
	{ .subject = "loop", .op = "empty", .run = run_loop },
	{ .subject = "syscall", .op = "getppid", .run = run_getppid },
};

#define BENCH(who, what, how, make)					\
	.subject = (who), .op = (what), .run = (how), .setup = (make),	\
	.teardown = teardown_files

#define VARLEN		.flags = GOCHAN_CHAN_VARLEN

static struct bench benches[] = {
	{ BENCH("gochan", "send_recv", run_send_recv, setup_chan) },
	{ BENCH("gochan", "write_read", run_write_read, setup_chan) },
	{ BENCH("gochan", "send_recv_many", run_many, setup_chan),
	  .per_call = BATCH },
	{ BENCH("gochan", "send_select2", run_send_select, setup_two_chans) },
	{ BENCH("gochan", "poll", run_poll, setup_full_chan) },
	{ BENCH("gochan-varlen", "send_recv", run_send_recv, setup_chan),
	  VARLEN },
	{ BENCH("gochan-varlen", "write_read", run_write_read, setup_chan),
	  VARLEN },
	{ BENCH("gochan-varlen", "send_recv_many", run_many, setup_chan),
	  VARLEN, .per_call = BATCH },
	{ BENCH("gochan-varlen", "send_select2", run_send_select,
		setup_two_chans), VARLEN },
	{ BENCH("pipe", "write_read", run_write_read, setup_pipe) },
	{ BENCH("pipe", "write_poll2_read", run_write_poll_read,
		setup_two_pipes) },
	{ BENCH("pipe", "poll", run_poll, setup_full_pipe) },
	{ BENCH("seqpacket", "write_read", run_write_read, setup_seqpacket) },
	{ BENCH("mqueue", "send_recv", run_mqueue, setup_mqueue) },
	{ BENCH("eventfd", "write_read", run_write_read, setup_eventfd),
	  .only_n = sizeof(__u64) },
	{ BENCH("eventfd", "poll", run_poll, setup_full_eventfd),
	  .only_n = sizeof(__u64) },
};

static const size_t sizes[] = { 8, 64, 1024, MAX_SIZE };

int main(void)
{
	size_t i;

	bench_run("device-chan", floor_benches, ARRAY_SIZE(floor_benches), 0, OPS);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_run("device-chan", benches, ARRAY_SIZE(benches), sizes[i], OPS);
	return 0;
}
