// SPDX-License-Identifier: GPL-2.0
/*
 * Count the words of a file with six processes, two channels and a map.
 *
 *	           lines                  words
 *	reader ------------+-> worker 1 -+======= map
 *	                   +-> worker 2 -+
 *	                   +-> worker 3 -+    totals
 *	                   +-> worker 4 -+------------> parent
 *
 * Nobody hands out work: whichever worker is free takes the next line. All of
 * them count in one map, which has a counter for each word. The reader closes
 * the first channel at the end of the file, and each worker sees that end once
 * the lines are used up. When the last worker has exited, the parent lists the
 * map.
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

/* Room in the channel: how far the reader may run ahead of the workers. */
#define LINES_AHEAD	64

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
 * The parent.
 */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
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
	int lines, words, totals, status, i, failed = 0;
	double begin = now(), seconds;
	struct totals sum;
	FILE *file;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	file = fopen(argv[1], "r");
	if (!file)
		die(argv[1]);

	/* Made before the forks: they are inherited like any other file. */
	lines = chan_create(GOCHAN_CHAN_VARLEN, sizeof(struct piece),
			    LINES_AHEAD);
	totals = chan_create(0, sizeof(struct totals), WORKERS);
	words = map_create(GOCHAN_MAP_VARLEN, MAX_WORD, sizeof(__u64));

	if (!start())
		exit(reader(lines, file));
	for (i = 0; i < WORKERS; i++) {
		if (!start())
			exit(worker(i, lines, words, totals));
	}
	while (wait(&status) > 0) {
		if (!status)
			continue;
		/* Whoever waits for the one that failed must not. */
		failed = 1;
		chan_close(lines);
	}
	if (failed)
		return 1;
	seconds = now() - begin;

	/* The totals are in the channel, which has room for all of them. */
	chan_close(totals);
	sum = collect_totals(totals);
	if (print_top(words) != sum.words) {
		fprintf(stderr, "counts of words got lost on their way\n");
		return 1;
	}
	printf("  %llu messages and %llu counts in %.3f s\n",
	       (unsigned long long)sum.messages, (unsigned long long)sum.words,
	       seconds);
	return 0;
}
