// SPDX-License-Identifier: GPL-2.0
/*
 * The concurrent prime sieve, with a process for each prime.
 *
 *	            2,3,4,5..          3,5,7,9..          5,7,11,13..
 *	generator ------------> filter 2 -------> filter 3 -------> ...
 *
 * The generator sends all numbers into the first channel. What comes out of a
 * channel first is a prime; a filter behind that channel then passes on
 * whatever the prime does not divide. All channels are rendezvous channels:
 * nobody runs ahead, a number moves only when the next one is ready for it.
 */

#include <stdbool.h>
#include <sys/wait.h>

#include "gochan_sys.h"

#define PRIMES		50
#define PER_LINE	10

/* Send 2, 3, 4 and so on until the other side closes the channel. */
static int generate(int out)
{
	__u32 n;

	for (n = 2; !chan_send(out, &n, sizeof(n)); n++)
		;
	return errno == EPIPE ? 0 : 1;
}

static __u32 next_number(int in)
{
	__u32 n, len = sizeof(n);

	if (!chan_recv(in, &n, &len)) {
		fprintf(stderr, "the chain ended early\n");
		exit(1);
	}
	return n;
}

static int filter(int in, int out, __u32 prime)
{
	__u32 n;

	for (;;) {
		n = next_number(in);
		if (n % prime && chan_send(out, &n, sizeof(n)))
			break;
	}
	if (errno != EPIPE)
		return 1;
	/*
	 * Nobody wants more from us, so we want no more from our left: its
	 * send fails in turn, and the whole chain folds up to the generator.
	 */
	chan_close(in);
	return 0;
}

static bool is_prime(__u32 n)
{
	__u32 d;

	for (d = 2; d * d <= n; d++)
		if (n % d == 0)
			return false;
	return n >= 2;
}

/* Are these the first @count primes, all of them, in order? */
static bool check_primes(const __u32 *primes, int count)
{
	__u32 n = 2;
	int i;

	for (i = 0; i < count; i++, n++) {
		while (!is_prime(n))
			n++;
		if (primes[i] != n)
			return false;
	}
	return true;
}

/* Fork; the child never returns from here. */
#define spawn(call)						\
	do {							\
		pid_t pid;					\
								\
		fflush(stdout);					\
		pid = fork();					\
		if (pid < 0)					\
			die("fork");				\
		if (!pid)					\
			_exit(call);				\
	} while (0)

int main(void)
{
	__u32 primes[PRIMES];
	int in, out, status, i;
	int failed = 0;

	printf("The first %d primes, each from a process of its own\n\n",
	       PRIMES);

	in = chan_create(0, sizeof(__u32), 0);
	spawn(generate(in));
	for (i = 0; i < PRIMES; i++) {
		primes[i] = next_number(in);
		printf("%6u%s", primes[i], (i + 1) % PER_LINE ? "" : "\n");
		/* One more link: it takes what is left of our channel. */
		out = chan_create(0, sizeof(__u32), 0);
		spawn(filter(in, out, primes[i]));
		close(in);
		in = out;
	}

	/* That is enough. Closing the last channel ends the chain. */
	chan_close(in);
	while (wait(&status) > 0) {
		if (status)
			failed = 1;
	}
	if (failed) {
		printf("\nA process of the chain failed.\n");
		return 1;
	}
	if (!check_primes(primes, PRIMES)) {
		printf("\nTrial division finds other primes.\n");
		return 1;
	}
	printf("\nTrial division finds the same %d primes.\n", PRIMES);
	return 0;
}
