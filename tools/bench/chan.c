// SPDX-License-Identifier: GPL-2.0
/*
 * One process puts a message in and takes it out again: channels, and what else
 * carries messages of a process to another. Nobody ever sleeps, so this is the
 * price of the calls themselves.
 */

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "bench.h"

/* Messages of a call that moves many, and room in a channel. */
#define BATCH		64

#define MAX_SIZE	4096

/* Of each kind of message in each round. */
#define OPS		2048

static char buf[BATCH * MAX_SIZE];

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

static void teardown_files(struct bench *b)
{
	close(b->fd[0]);
	if (b->fd[1] != b->fd[0])
		close(b->fd[1]);
}

static void run_write_read(struct bench *b, unsigned long ops)
{
	const ssize_t n = b->n;

	while (ops--)
		bench_must(write(b->fd[1], buf, n) == n &&
			   read(b->fd[0], buf, n) == n, b);
}

/* Channels, by ioctl. */

static void run_send_recv(struct bench *b, unsigned long ops)
{
	__u32 len;

	while (ops--) {
		len = b->n;
		bench_must(!chan_send(b->fd[1], buf, len) &&
			   chan_recv(b->fd[0], buf, &len) == 1, b);
	}
}

static struct bench floor_benches[] = {
	{ .subject = "loop", .op = "empty", .run = run_loop },
	{ .subject = "syscall", .op = "getppid", .run = run_getppid },
};

#define FILES(setup_files)						\
	.setup = (setup_files), .run = run_write_read,			\
	.teardown = teardown_files, .op = "write_read"

#define CHAN(name, run_chan)						\
	.setup = setup_chan, .run = (run_chan),				\
	.teardown = teardown_files, .op = (name)

static struct bench benches[] = {
	{ .subject = "gochan", CHAN("send_recv", run_send_recv) },
	{ .subject = "gochan", CHAN("write_read", run_write_read) },
	{ .subject = "gochan-varlen", CHAN("send_recv", run_send_recv),
	  .flags = GOCHAN_CHAN_VARLEN },
	{ .subject = "gochan-varlen", CHAN("write_read", run_write_read),
	  .flags = GOCHAN_CHAN_VARLEN },
	{ .subject = "pipe", FILES(setup_pipe) },
	{ .subject = "seqpacket", FILES(setup_seqpacket) },
	{ .subject = "eventfd", FILES(setup_eventfd), .only_n = 8 },
};

static const size_t sizes[] = { 8, 64, 1024, MAX_SIZE };

int main(void)
{
	size_t i;

	bench_run("chan", floor_benches, ARRAY_SIZE(floor_benches), 0, OPS);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_run("chan", benches, ARRAY_SIZE(benches), sizes[i], OPS);
	return 0;
}
