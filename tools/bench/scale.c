// SPDX-License-Identifier: GPL-2.0
/*
 * Many producers and as many consumers at once, on one channel, pipe or socket.
 * Their number is n; the value is the time per message, from the first to the
 * last of all of them.
 */

#include <pthread.h>
#include <sys/socket.h>

#include "bench.h"

#define MSG_SIZE	8
#define CAPACITY	64
#define MAX_PAIRS	8

/* In each round, shared out among the threads. */
#define OPS		8192

struct worker {
	pthread_t thread;
	const struct bench *b;
	unsigned long ops;
};

static struct worker workers[2 * MAX_PAIRS];

static void *produce_write(void *arg)
{
	const struct worker *w = arg;
	char buf[MSG_SIZE] = "";
	unsigned long i;

	for (i = 0; i < w->ops; i++)
		bench_must(write(w->b->fd[1], buf, MSG_SIZE) == MSG_SIZE, w->b);
	return NULL;
}

static void *consume_read(void *arg)
{
	const struct worker *w = arg;
	char buf[MSG_SIZE];
	unsigned long i;

	for (i = 0; i < w->ops; i++)
		bench_must(read(w->b->fd[0], buf, MSG_SIZE) == MSG_SIZE, w->b);
	return NULL;
}

static void *produce_send(void *arg)
{
	const struct worker *w = arg;
	char buf[MSG_SIZE] = "";
	unsigned long i;

	for (i = 0; i < w->ops; i++)
		bench_must(!chan_send(w->b->fd[1], buf, MSG_SIZE), w->b);
	return NULL;
}

static void *consume_recv(void *arg)
{
	const struct worker *w = arg;
	char buf[MSG_SIZE];
	unsigned long i;
	__u32 len;

	for (i = 0; i < w->ops; i++) {
		len = MSG_SIZE;
		bench_must(chan_recv(w->b->fd[0], buf, &len) == 1, w->b);
	}
	return NULL;
}

static void start_worker(struct worker *w, const struct bench *b,
			 unsigned long ops, void *(*work)(void *arg))
{
	w->b = b;
	w->ops = ops;
	errno = pthread_create(&w->thread, NULL, work, w);
	bench_must(!errno, b);
}

static void run_pairs(const struct bench *b, unsigned long ops,
		      void *(*produce)(void *arg), void *(*consume)(void *arg))
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		start_worker(&workers[2 * i], b, ops / b->n, consume);
		start_worker(&workers[2 * i + 1], b, ops / b->n, produce);
	}
	for (i = 0; i < 2 * b->n; i++)
		pthread_join(workers[i].thread, NULL);
}

static void run_send_recv(struct bench *b, unsigned long ops)
{
	run_pairs(b, ops, produce_send, consume_recv);
}

static void run_write_read(struct bench *b, unsigned long ops)
{
	run_pairs(b, ops, produce_write, consume_read);
}

static int setup_chan(struct bench *b)
{
	b->fd[0] = chan_create(0, MSG_SIZE, CAPACITY);
	b->fd[1] = b->fd[0];
	return 0;
}

static int setup_pipe(struct bench *b)
{
	return pipe2(b->fd, O_CLOEXEC);
}

static int setup_seqpacket(struct bench *b)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, b->fd);
}

static void teardown(struct bench *b)
{
	close(b->fd[0]);
	if (b->fd[1] != b->fd[0])
		close(b->fd[1]);
}

#define BENCH(who, what, how, make)					\
	.subject = (who), .op = (what), .run = (how), .setup = (make),	\
	.teardown = teardown

static struct bench benches[] = {
	{ BENCH("gochan", "send_recv", run_send_recv, setup_chan) },
	{ BENCH("gochan", "write_read", run_write_read, setup_chan) },
	{ BENCH("pipe", "write_read", run_write_read, setup_pipe) },
	{ BENCH("seqpacket", "write_read", run_write_read, setup_seqpacket) },
};

int main(void)
{
	size_t n;

	for (n = 1; n <= MAX_PAIRS; n *= 2)
		bench_run("stream", benches, ARRAY_SIZE(benches), n, OPS);
	return 0;
}
