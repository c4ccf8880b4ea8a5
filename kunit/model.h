/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A channel so simple that it is right: three arrays in which the first entry
 * is the oldest, shifted when it leaves. One task at a time, no locks.
 *
 * The model is told the operations in the order in which they took place and
 * says what each one returned, and which sleepers it sent on their way.
 */

#ifndef _GOCHAN_MODEL_H
#define _GOCHAN_MODEL_H

#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>

#define MODEL_CAP	8
#define MODEL_ACTORS	6

/* What an actor is known to be doing, or to have got. */
struct model_actor {
	bool asleep;
	bool sends;
	u64 val;
	bool ok;
	int err;
};

struct model_queue {
	unsigned int actor[MODEL_ACTORS];
	unsigned int nr;
};

struct model {
	unsigned int cap;
	unsigned int len;
	bool closed;
	u64 ring[MODEL_CAP];
	struct model_queue senders;
	struct model_queue receivers;
	struct model_actor actors[MODEL_ACTORS];
};

static inline void model_init(struct model *m, unsigned int cap)
{
	memset(m, 0, sizeof(*m));
	m->cap = cap;
}

static inline void model_remove(struct model_queue *q, unsigned int at)
{
	memmove(q->actor + at, q->actor + at + 1,
		(q->nr - at - 1) * sizeof(*q->actor));
	q->nr--;
}

/* The oldest sleeper of @q leaves with @err. */
static inline struct model_actor *model_wake(struct model *m,
					     struct model_queue *q, int err)
{
	struct model_actor *a = &m->actors[q->actor[0]];

	model_remove(q, 0);
	a->asleep = false;
	a->err = err;
	return a;
}

static inline int model_try_send(struct model *m, u64 val)
{
	struct model_actor *a;

	if (m->closed)
		return -EPIPE;
	if (m->receivers.nr) {
		a = model_wake(m, &m->receivers, 0);
		a->val = val;
		a->ok = true;
		return 0;
	}
	if (m->len == m->cap)
		return -EAGAIN;
	m->ring[m->len++] = val;
	return 0;
}

static inline int model_try_recv(struct model *m, u64 *val, bool *ok)
{
	*ok = true;
	if (m->len) {
		*val = m->ring[0];
		memmove(m->ring, m->ring + 1,
			(m->len - 1) * sizeof(*m->ring));
		m->len--;
		if (m->senders.nr)
			m->ring[m->len++] = model_wake(m, &m->senders, 0)->val;
		return 0;
	}
	if (m->senders.nr) {
		*val = model_wake(m, &m->senders, 0)->val;
		return 0;
	}
	if (!m->closed)
		return -EAGAIN;
	*val = 0;
	*ok = false;
	return 0;
}

static inline void model_send(struct model *m, unsigned int actor, u64 val)
{
	struct model_actor *a = &m->actors[actor];

	a->sends = true;
	a->val = val;
	a->err = model_try_send(m, val);
	a->asleep = a->err == -EAGAIN;
	if (a->asleep)
		m->senders.actor[m->senders.nr++] = actor;
}

static inline void model_recv(struct model *m, unsigned int actor)
{
	struct model_actor *a = &m->actors[actor];

	a->sends = false;
	a->err = model_try_recv(m, &a->val, &a->ok);
	a->asleep = a->err == -EAGAIN;
	if (a->asleep)
		m->receivers.actor[m->receivers.nr++] = actor;
}

static inline void model_cancel(struct model *m, unsigned int actor)
{
	struct model_actor *a = &m->actors[actor];
	struct model_queue *q = a->sends ? &m->senders : &m->receivers;
	unsigned int i;

	for (i = 0; i < q->nr; i++) {
		if (q->actor[i] == actor) {
			model_remove(q, i);
			break;
		}
	}
	a->asleep = false;
	a->err = -ERESTARTSYS;
}

static inline int model_close(struct model *m)
{
	struct model_actor *a;

	if (m->closed)
		return -ESHUTDOWN;
	m->closed = true;
	while (m->receivers.nr) {
		a = model_wake(m, &m->receivers, 0);
		a->val = 0;
		a->ok = false;
	}
	while (m->senders.nr)
		model_wake(m, &m->senders, -EPIPE);
	return 0;
}

#endif /* _GOCHAN_MODEL_H */
