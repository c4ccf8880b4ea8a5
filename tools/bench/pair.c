// SPDX-License-Identifier: GPL-2.0
/*
 * Two processes: one sends a message, the other sends it back, and both sleep
 * in between. With one processor this is the price of two messages and of four
 * changes between asleep and running.
 */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "message.h"

/* Round trips in each round. */
#define OPS		512

/*
 * A subject sends to fd[1] and receives from fd[0]; for the other process it is
 * fd[3] and fd[2].
 */

/* The other process, which is killed in the end. */

static void echo_read_write(const struct bench *b)
{
	const ssize_t n = b->n;

	for (;;)
		bench_must(read(b->fd[2], buf, n) == n &&
			   write(b->fd[3], buf, n) == n, b);
}

static void echo_recv_send(const struct bench *b)
{
	__u32 len;

	for (;;) {
		len = b->n;
		bench_must(chan_recv(b->fd[2], buf, &len) == 1 &&
			   !chan_send(b->fd[3], buf, len), b);
	}
}

static int start_echo(struct bench *b, void (*echo)(const struct bench *b))
{
	fflush(stdout);
	b->pid = fork();
	if (b->pid)
		return b->pid < 0 ? -1 : 0;
	/* It does not outlive a benchmark that gives up. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	echo(b);
	_exit(1);
}

static int make_chans(struct bench *b)
{
	/* The flag is the capacity. */
	b->fd[1] = chan_create(0, b->n, b->flags);
	b->fd[2] = b->fd[1];
	b->fd[0] = chan_create(0, b->n, b->flags);
	b->fd[3] = b->fd[0];
	return 0;
}

static int setup_chan_ioctl(struct bench *b)
{
	make_chans(b);
	return start_echo(b, echo_recv_send);
}

static int setup_chan_files(struct bench *b)
{
	make_chans(b);
	return start_echo(b, echo_read_write);
}

static int setup_pipe(struct bench *b)
{
	int there[2], back[2];

	if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
		return -1;
	b->fd[0] = back[0];
	b->fd[1] = there[1];
	b->fd[2] = there[0];
	b->fd[3] = back[1];
	return start_echo(b, echo_read_write);
}

static int setup_seqpacket(struct bench *b)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -1;
	b->fd[0] = ends[0];
	b->fd[1] = ends[0];
	b->fd[2] = ends[1];
	b->fd[3] = ends[1];
	return start_echo(b, echo_read_write);
}

static void teardown(struct bench *b)
{
	size_t i, j;

	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	for (i = 0; i < ARRAY_SIZE(b->fd); i++) {
		for (j = 0; j < i && b->fd[j] != b->fd[i]; j++)
			;
		if (j == i)
			close(b->fd[i]);
	}
}

#define BENCH(who, what, how, make)					\
	.subject = (who), .op = (what), .run = (how), .setup = (make),	\
	.teardown = teardown

static struct bench benches[] = {
	{ BENCH("gochan-cap0", "send_recv", run_send_recv, setup_chan_ioctl),
	  .flags = 0 },
	{ BENCH("gochan-cap0", "write_read", run_write_read, setup_chan_files),
	  .flags = 0 },
	{ BENCH("gochan-cap1", "send_recv", run_send_recv, setup_chan_ioctl),
	  .flags = 1 },
	{ BENCH("gochan-cap1", "write_read", run_write_read, setup_chan_files),
	  .flags = 1 },
	{ BENCH("pipe", "write_read", run_write_read, setup_pipe) },
	{ BENCH("seqpacket", "write_read", run_write_read, setup_seqpacket) },
};

static const size_t sizes[] = { 8, 64, 1024, MAX_SIZE };

int main(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_run("pair", benches, ARRAY_SIZE(benches), sizes[i], OPS);
	return 0;
}
