// SPDX-License-Identifier: GPL-2.0
/*
 * Count the words of a file with seven processes, three channels and a map.
 *
 *	           lines                  words
 *	reader ------------+-> worker 1 -+======= map
 *	                   +-> worker 2 -+
 *	                   +-> worker 3 -+    totals
 *	                   +-> worker 4 -+------------> collector
 *	                                      timer ------^ ^
 *	                                      parent -------+ stop
 *
 * Nobody hands out work: whichever worker is free takes the next line. All of
 * them count in one map, which has a counter for each word. The reader closes
 * the first channel at the end of the file, and each worker sees that end once
 * the lines are used up.
 *
 * The collector waits for three things in one select: what a worker has done so
 * far, the time for a line about the progress, and the word that all workers
 * have exited. Then it takes the totals that are still in the channel, and
 * lists the map.
 *
 * A word is what wc takes for one: bytes between white space, at least one of
 * which is visible ASCII.
 */

#include <ctype.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "gochan_sys.h"

#define WORKERS		4
#define TOP		20

/* Room in the channel: how far the reader may run ahead of the workers. */
#define LINES_AHEAD	64

/* Lines after which a worker says how far it has come. */
#define REPORT		64

/* Time to the first line about the progress; to each other, twice the last. */
#define FIRST_TICK	10000000	/* ns */

/* Of longer words only so much is told apart. */
#define MAX_WORD	64

/* Entries of the map that are fetched in one call. */
#define BATCH		256

/*
 * A line, or a piece of one that is too long. The channel has variable-length
 * messages: one is as long as its text, not as long as the longest.
 */
#define MAX_TEXT	4095

struct piece {
	/* A word runs on from the piece before, and was counted there. */
	unsigned char counted;
	unsigned char text[MAX_TEXT];
};

#define PIECE_HEAD	offsetof(struct piece, text)

/* What one worker has seen so far: a plain structure, so a channel of fixed size. */
struct totals {
	__u64 worker;
	__u64 messages;
	__u64 lines;
	__u64 words;
	__u64 bytes;
};

static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_visible(unsigned char c)
{
	return c > ' ' && c < 0x7f;
}

static bool has_visible(const unsigned char *text, __u32 len)
{
	while (len && !is_visible(*text)) {
		text++;
		len--;
	}
	return len;
}

/*
 * The reader.
 */

/* Length of @text up to and with its last white space. */
static __u32 whole_words(const unsigned char *text, __u32 len)
{
	while (len && !is_space(text[len - 1]))
		len--;
	return len;
}

static void send_piece(int lines, struct piece *p, __u32 len)
{
	__u32 whole = whole_words(p->text, len);
	bool counted;

	if (chan_send(lines, p, PIECE_HEAD + len))
		die("send a line");
	/* Does a word run on into the next piece, and has it been counted? */
	counted = has_visible(p->text + whole, len - whole);
	if (!whole)
		counted |= p->counted;
	p->counted = counted;
}

static int reader(int lines, FILE *file)
{
	struct piece p = { 0 };
	__u32 len = 0, cut;
	int c;

	while ((c = getc(file)) != EOF) {
		p.text[len++] = c;
		if (c == '\n') {
			send_piece(lines, &p, len);
			len = 0;
		} else if (len == MAX_TEXT) {
			/* Cut between words if there is a place for it. */
			cut = whole_words(p.text, len) ?: len;
			send_piece(lines, &p, cut);
			len -= cut;
			memmove(p.text, p.text + cut, len);
		}
	}
	if (ferror(file))
		die("read");
	/* A last line without its newline. */
	if (len)
		send_piece(lines, &p, len);
	/* The end of the file is the end of the channel. */
	if (chan_close(lines))
		die("close the lines");
	return 0;
}

/*
 * A worker.
 */

/* "The", "the" and "the," are one word to a reader: count them as one. */
static void count_word(int words, const unsigned char *word, __u32 len)
{
	unsigned char bare[MAX_WORD];
	__u32 i, from = 0, to = len;

	while (from < to && word[from] < 0x80 && !isalnum(word[from]))
		from++;
	while (to > from && word[to - 1] < 0x80 && !isalnum(word[to - 1]))
		to--;
	if (from == to) {
		/* Nothing but punctuation: that is the word, then. */
		from = 0;
		to = len;
	}
	for (i = 0; i < to - from && i < MAX_WORD; i++)
		bare[i] = word[from + i] < 0x80 ? tolower(word[from + i]) :
						  word[from + i];
	/* The other workers do the same, and no count gets lost. */
	if (map_add(words, bare, i, 1))
		die("count a word");
}

static void count_piece(int words, struct totals *sum, const struct piece *p,
			__u32 len)
{
	bool counted = p->counted;
	__u32 start, end;

	sum->messages++;
	sum->bytes += len;
	sum->lines += p->text[len - 1] == '\n';
	for (start = 0; start < len; start = end + 1) {
		for (end = start; end < len && !is_space(p->text[end]); end++)
			;
		if (!counted && has_visible(p->text + start, end - start)) {
			count_word(words, p->text + start, end - start);
			sum->words++;
		}
		/* That was the word which ran on from the piece before. */
		counted = false;
	}
}

static int worker(int number, int lines, int words, int totals)
{
	struct totals sum = { .worker = number };
	struct piece p;
	__u32 len;

	for (;;) {
		/* Room for the longest message there can be. */
		len = sizeof(p);
		if (!chan_recv(lines, &p, &len))
			break;
		count_piece(words, &sum, &p, len - PIECE_HEAD);
		if (sum.messages % REPORT == 0 &&
		    chan_send(totals, &sum, sizeof(sum)))
			die("report");
	}
	if (chan_send(totals, &sum, sizeof(sum)))
		die("send the totals");
	return 0;
}

/*
 * The list of words.
 */

struct entry {
	__u64 times;
	__u32 len;
	unsigned char word[MAX_WORD];
};

/* Fetch the whole map; return an array of *@n entries. */
static struct entry *list_words(int words, __u64 *n)
{
	static unsigned char keys[BATCH][MAX_WORD];
	static __u32 lens[BATCH];
	static __u64 times[BATCH];
	struct gochan_map_iter it = {
		.keys = (uintptr_t)keys,
		.key_lens = (uintptr_t)lens,
		.values = (uintptr_t)times,
		.key_size = MAX_WORD,
		.value_size = sizeof(times[0]),
		.count = BATCH,
	};
	struct entry *all = NULL, *e;
	__u32 i, got;

	*n = 0;
	while ((got = map_iter(words, &it))) {
		all = realloc(all, (*n + got) * sizeof(*all));
		if (!all)
			die("realloc");
		for (i = 0; i < got; i++) {
			e = &all[(*n)++];
			e->times = times[i];
			e->len = lens[i];
			memcpy(e->word, keys[i], lens[i]);
		}
	}
	return all;
}

static int by_times(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	__u32 len = x->len < y->len ? x->len : y->len;

	if (x->times != y->times)
		return x->times < y->times ? 1 : -1;
	/* Equally frequent: by alphabet, so that the output is always the same. */
	return memcmp(x->word, y->word, len) ?: (int)x->len - (int)y->len;
}

/* Words can be long, and hold anything but white space. */
static void print_word(const struct entry *e)
{
	__u32 i;

	for (i = 0; i < e->len && i < 40; i++)
		putchar(is_visible(e->word[i]) || e->word[i] >= 0x80 ?
			e->word[i] : '?');
	puts(i < e->len ? "..." : "");
}

/* Print the most frequent words; return how many there are, counting all. */
static __u64 print_top(int words)
{
	__u64 i, n, sum = 0;
	struct entry *all = list_words(words, &n);

	qsort(all, n, sizeof(*all), by_times);
	printf("\n  %-8s%12s  %s\n", "rank", "times", "word");
	for (i = 0; i < n; i++) {
		sum += all[i].times;
		if (i >= TOP)
			continue;
		printf("  %-8llu%12llu  ", (unsigned long long)i + 1,
		       (unsigned long long)all[i].times);
		print_word(&all[i]);
	}
	printf("\n  %llu different words\n", (unsigned long long)n);
	free(all);
	return sum;
}

/*
 * The collector.
 */

static double begin;

static double elapsed(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9 - begin;
}

static void print_row(const char *name, const struct totals *t)
{
	printf("  %-8s%12llu%12llu%12llu%12llu\n", name,
	       (unsigned long long)t->lines, (unsigned long long)t->words,
	       (unsigned long long)t->bytes, (unsigned long long)t->messages);
}

static struct totals add_up(const struct totals *each)
{
	struct totals sum = { 0 };
	int i;

	for (i = 0; i < WORKERS; i++) {
		sum.lines += each[i].lines;
		sum.words += each[i].words;
		sum.bytes += each[i].bytes;
		sum.messages += each[i].messages;
	}
	return sum;
}

static void print_totals(const struct totals *each, const struct totals *sum)
{
	char name[8];
	int i;

	printf("  %-8s%12s%12s%12s%12s\n", "worker", "lines", "words", "bytes",
	       "messages");
	for (i = 0; i < WORKERS; i++) {
		snprintf(name, sizeof(name), "%d", i + 1);
		print_row(name, &each[i]);
	}
	print_row("total", sum);
}

static void set_timer(int timer, long ns)
{
	struct itimerspec it = {
		.it_value.tv_sec = ns / 1000000000,
		.it_value.tv_nsec = ns % 1000000000,
	};

	if (timerfd_settime(timer, 0, &it, NULL))
		die("timerfd_settime");
}

static void tick(int timer, const struct totals *each)
{
	static long pause = FIRST_TICK;
	struct totals sum = add_up(each);

	printf("  %6.3f s: %llu words so far\n", elapsed(),
	       (unsigned long long)sum.words);
	pause *= 2;
	/* It is not ready any more once it is set again. */
	set_timer(timer, pause);
}

enum { RESULT, TICK, STOP, CASES };

/* Put the last totals of each worker into @each. */
static void collect(struct totals *each, int totals, int stop)
{
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	unsigned int times[CASES] = { 0 };
	struct totals t;
	struct gochan_select_case cases[CASES] = {
		[RESULT] = {
			.op = GOCHAN_CASE_RECV,
			.fd = totals,
			.buf = (uintptr_t)&t,
			.len = sizeof(t),
		},
		[TICK] = { .op = GOCHAN_CASE_POLL, .fd = timer },
		[STOP] = { .op = GOCHAN_CASE_RECV, .fd = stop },
	};
	__u32 flags = 0;
	int i;

	set_timer(timer, FIRST_TICK);
	for (;;) {
		/* Out come the events that are there. */
		cases[TICK].events = POLLIN;
		i = chan_select(cases, CASES, flags);
		if (i < 0)
			break;
		times[i]++;
		if (i == RESULT) {
			each[t.worker] = t;
		} else if (i == TICK) {
			tick(timer, each);
		} else {
			/* Only totals any more, and those that are there. */
			cases[TICK].fd = -1;
			cases[STOP].fd = -1;
			flags = GOCHAN_SELECT_NONBLOCK;
		}
	}
	if (errno != EAGAIN)
		die("GOCHAN_IOC_SELECT");
	printf("  one select: %u results, %u ticks, %u stop\n\n", times[RESULT],
	       times[TICK], times[STOP]);
}

static int collector(int totals, int stop, int words)
{
	struct totals each[WORKERS] = { 0 }, sum;
	double seconds;

	collect(each, totals, stop);
	seconds = elapsed();
	sum = add_up(each);
	print_totals(each, &sum);
	if (print_top(words) != sum.words) {
		fprintf(stderr, "counts of words got lost on their way\n");
		return 1;
	}
	printf("  %llu messages and %llu counts in %.3f s\n",
	       (unsigned long long)sum.messages, (unsigned long long)sum.words,
	       seconds);
	return 0;
}

/*
 * The parent.
 */

/* In the child 0, which then exits with what it is told to run. */
static pid_t start(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("fork");
	return pid;
}

/* Stop the collector, @last, when the others have exited. Did all go well? */
static bool await_all(pid_t last, int lines, int totals, int stop)
{
	int status, left = WORKERS + 1;
	bool well = true;
	pid_t pid;

	while ((pid = wait(&status)) > 0) {
		if (pid != last && !--left)
			chan_close(stop);
		if (!status)
			continue;
		/* Whoever waits for the one that failed must not. */
		well = false;
		chan_close(lines);
		if (pid == last)
			chan_close(totals);
	}
	return well;
}

int main(int argc, char **argv)
{
	int lines, words, totals, stop, i;
	pid_t last;
	FILE *file;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	begin = elapsed();
	file = fopen(argv[1], "r");
	if (!file)
		die(argv[1]);

	/* Made before the forks: they are inherited like any other file. */
	lines = chan_create(GOCHAN_CHAN_VARLEN, sizeof(struct piece),
			    LINES_AHEAD);
	totals = chan_create(0, sizeof(struct totals), WORKERS);
	stop = chan_create(0, 0, 0);
	words = map_create(GOCHAN_MAP_VARLEN, MAX_WORD, sizeof(__u64));

	last = start();
	if (!last)
		exit(collector(totals, stop, words));
	if (!start())
		exit(reader(lines, file));
	for (i = 0; i < WORKERS; i++) {
		if (!start())
			exit(worker(i, lines, words, totals));
	}
	return await_all(last, lines, totals, stop) ? 0 : 1;
}
