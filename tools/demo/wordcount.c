// SPDX-License-Identifier: GPL-2.0
/*
 * Count the words of a file with seven processes and three channels.
 *
 *	           lines                    counts
 *	reader ------------+-> worker 1 -+------------> collector
 *	                   +-> worker 2 -+
 *	                   +-> worker 3 -+    totals
 *	                   +-> worker 4 -+------------> (also collector)
 *
 * Nobody hands out work: whichever worker is free takes the next line. The
 * reader closes the first channel at the end of the file, and each worker sees
 * that end once the lines are used up. When the last worker has exited, the
 * parent closes the other two, which is how the collector knows.
 *
 * A word is what wc takes for one: bytes between white space, at least one of
 * which is visible ASCII.
 */

#include <ctype.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>

#include "gochan_sys.h"

#define WORKERS		4
#define TOP		20

/* Room in the channels: how far one side may run ahead of the other. */
#define LINES_AHEAD	64
#define COUNTS_AHEAD	256

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

/* How often one worker has seen one word: variable length, too. */
struct count {
	__u64 times;
	unsigned char word[MAX_TEXT];
};

#define COUNT_HEAD	offsetof(struct count, word)

/* What one worker has seen: a plain structure, so a channel of fixed size. */
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
 * A table of words, for workers and collector alike.
 */

struct entry {
	struct entry *next;
	__u64 times;
	__u32 len;
	unsigned char word[];
};

struct table {
	struct entry *chains[4096];
	__u64 entries;
};

static struct entry **find_chain(struct table *t, const unsigned char *word,
				 __u32 len)
{
	__u32 hash = 2166136261U;

	while (len--)
		hash = (hash ^ *word++) * 16777619U;
	return &t->chains[(hash ^ hash >> 16) % 4096];
}

static void table_add(struct table *t, const unsigned char *word, __u32 len,
		      __u64 times)
{
	struct entry **chain = find_chain(t, word, len), *e;

	for (e = *chain; e; e = e->next)
		if (e->len == len && !memcmp(e->word, word, len))
			break;
	if (!e) {
		e = malloc(sizeof(*e) + len);
		if (!e)
			die("malloc");
		e->next = *chain;
		e->times = 0;
		e->len = len;
		memcpy(e->word, word, len);
		*chain = e;
		t->entries++;
	}
	e->times += times;
}

/*
 * A worker.
 */

/* "The", "the" and "the," are one word to a reader: enter them as one. */
static void enter_word(struct table *t, const unsigned char *word, __u32 len)
{
	unsigned char bare[MAX_TEXT];
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
	for (i = from; i < to; i++)
		bare[i - from] = word[i] < 0x80 ? tolower(word[i]) : word[i];
	table_add(t, bare, to - from, 1);
}

static void count_piece(struct table *t, struct totals *sum,
			const struct piece *p, __u32 len)
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
			enter_word(t, p->text + start, end - start);
			sum->words++;
		}
		/* That was the word which ran on from the piece before. */
		counted = false;
	}
}

static void send_counts(int counts, const struct table *t)
{
	const struct entry *e;
	struct count msg;
	int i;

	for (i = 0; i < 4096; i++) {
		for (e = t->chains[i]; e; e = e->next) {
			msg.times = e->times;
			memcpy(msg.word, e->word, e->len);
			if (chan_send(counts, &msg, COUNT_HEAD + e->len))
				die("send a count");
		}
	}
}

static int worker(int number, int lines, int counts, int totals)
{
	static struct table table;
	struct totals sum = { .worker = number };
	struct piece p;
	__u32 len;

	for (;;) {
		/* Room for the longest message there can be. */
		len = sizeof(p);
		if (!chan_recv(lines, &p, &len))
			break;
		count_piece(&table, &sum, &p, len - PIECE_HEAD);
	}
	send_counts(counts, &table);
	if (chan_send(totals, &sum, sizeof(sum)))
		die("send the totals");
	return 0;
}

/*
 * The collector.
 */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int by_times(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry **)a;
	const struct entry *y = *(const struct entry **)b;
	__u32 len = x->len < y->len ? x->len : y->len;

	if (x->times != y->times)
		return x->times < y->times ? 1 : -1;
	/* Equally frequent: by alphabet, so that the output is always the same. */
	return memcmp(x->word, y->word, len) ?: (int)x->len - (int)y->len;
}

static struct entry **sort_table(const struct table *t)
{
	struct entry **all = calloc(t->entries + 1, sizeof(*all)), *e;
	__u64 n = 0;
	int i;

	if (!all)
		die("calloc");
	for (i = 0; i < 4096; i++)
		for (e = t->chains[i]; e; e = e->next)
			all[n++] = e;
	qsort(all, n, sizeof(*all), by_times);
	return all;
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

static void print_top(const struct table *t)
{
	struct entry **all = sort_table(t);
	__u64 i;

	printf("\n  %-8s%12s  %s\n", "rank", "times", "word");
	for (i = 0; i < TOP && i < t->entries; i++) {
		printf("  %-8llu%12llu  ", (unsigned long long)i + 1,
		       (unsigned long long)all[i]->times);
		print_word(all[i]);
	}
	free(all);
}

static void print_row(const char *name, const struct totals *t)
{
	printf("  %-8s%12llu%12llu%12llu%12llu\n", name,
	       (unsigned long long)t->lines, (unsigned long long)t->words,
	       (unsigned long long)t->bytes, (unsigned long long)t->messages);
}

/* Receive the totals of all workers; print them and return their sum. */
static struct totals collect_totals(int totals)
{
	struct totals each[WORKERS] = { 0 }, sum = { 0 }, t;
	__u32 len = sizeof(t);
	char name[8];
	int i;

	/* They come in the order in which the workers end. */
	for (; chan_recv(totals, &t, &len); len = sizeof(t))
		each[t.worker] = t;
	printf("  %-8s%12s%12s%12s%12s\n", "worker", "lines", "words", "bytes",
	       "messages");
	for (i = 0; i < WORKERS; i++) {
		snprintf(name, sizeof(name), "%d", i + 1);
		print_row(name, &each[i]);
		sum.lines += each[i].lines;
		sum.words += each[i].words;
		sum.bytes += each[i].bytes;
		sum.messages += each[i].messages;
	}
	print_row("total", &sum);
	return sum;
}

static int collector(int counts, int totals, double start)
{
	static struct table table;
	__u64 words = 0, messages;
	struct totals sum;
	struct count msg;
	double seconds;
	__u32 len;

	for (messages = 0; ; messages++) {
		len = sizeof(msg);
		if (!chan_recv(counts, &msg, &len))
			break;
		table_add(&table, msg.word, len - COUNT_HEAD, msg.times);
		words += msg.times;
	}
	seconds = now() - start;
	sum = collect_totals(totals);
	print_top(&table);
	messages += sum.messages;
	printf("\n  %llu messages in %.3f s: %.0f messages per second\n",
	       (unsigned long long)messages, seconds, messages / seconds);
	if (words != sum.words) {
		fprintf(stderr, "counts of words got lost on their way\n");
		return 1;
	}
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

int main(int argc, char **argv)
{
	int lines, counts, totals, status, i, left = WORKERS, failed = 0;
	pid_t workers[WORKERS], pid;
	double begin = now();
	FILE *file;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	file = fopen(argv[1], "r");
	if (!file)
		die(argv[1]);

	/* Made before the forks: a channel is inherited like any other file. */
	lines = chan_create(GOCHAN_CHAN_VARLEN, sizeof(struct piece),
			    LINES_AHEAD);
	counts = chan_create(GOCHAN_CHAN_VARLEN, sizeof(struct count),
			     COUNTS_AHEAD);
	totals = chan_create(0, sizeof(struct totals), WORKERS);

	if (!start())
		exit(reader(lines, file));
	for (i = 0; i < WORKERS; i++) {
		workers[i] = start();
		if (!workers[i])
			exit(worker(i, lines, counts, totals));
	}
	if (!start())
		exit(collector(counts, totals, begin));

	while ((pid = wait(&status)) > 0) {
		for (i = 0; i < WORKERS; i++)
			left -= workers[i] == pid;
		if (status) {
			/* Whoever waits for the one that failed must not. */
			failed = 1;
			chan_close(lines);
		}
		if (failed || !left) {
			chan_close(counts);
			chan_close(totals);
		}
	}
	return failed;
}
