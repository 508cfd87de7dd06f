/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "base/hash.h"
#include "tests/cloud/sim.h"

#include <errno.h>
#include <math.h>
#include <time.h>

/* Above this the journal is written anew with one line a resource. */
#define JOURNAL_MAX_BYTES (32u << 20)

/* ---- the clock */
double real_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double sim_clock(const struct sim *sim)
{
	return sim->base_sim + (real_now() - sim->base_real) * sim->speed;
}

void sim_jump(struct sim *sim, double seconds)
{
	sim->base_sim += seconds;
}

int64_t sim_real_ms(const struct sim *sim, double sim_seconds)
{
	double ms = sim_seconds / sim->speed * 1000;
	int64_t whole = ms <= 0 ? 0 : ms > 1e9 ? 1000000000 : (int64_t)ms;

	return (double)whole < ms ? whole + 1 : whole; /* never too early */
}

/* ---- chance that can be repeated */
double sim_uniform(struct sim *sim, const char *id, const char *what, uint64_t n,
		   const json_t *range)
{
	double lo = 0, hi = json_number_value(range), unit;
	cleanup(free) char *text = NULL;
	struct sha256 digest;
	uint64_t bits;

	if (json_is_array(range)) {
		lo = json_number_value(json_array_get(range, 0));
		hi = json_number_value(json_array_get(range, 1));
	}
	text = mem_printf("%llu/%s/%s/%llu", (unsigned long long)sim->seed, id, what,
			  (unsigned long long)n);
	digest = sha256_of(text, strlen(text));
	memcpy(&bits, digest.b, sizeof(bits));
	unit = (double)(bits >> 11) / 9007199254740992.0;
	return lo + (hi - lo) * unit;
}

double latency_of(struct sim *sim, const char *id, uint64_t n, const char *what)
{
	const json_t *range = jget(setting(sim, "latencies"), what);

	if (json_is_number(range))
		return json_number_value(range);
	return sim_uniform(sim, id, what, n, range);
}

double latency(struct sim *sim, struct res *res, const char *what)
{
	return latency_of(sim, res->id, res->changes, what);
}

char *id_new(struct sim *sim, const char *prefix)
{
	for (;;) {
		cleanup(free) char *text = mem_printf("%llu/id/%llu", (unsigned long long)sim->seed,
						      (unsigned long long)sim->serial++);
		struct sha256 digest = sha256_of(text, strlen(text));
		cleanup(str_done) struct str hex = STR_INIT;
		cleanup(free) char *id = NULL;

		str_add_hex(&hex, digest.b, sizeof(digest.b));
		id = mem_printf("%s0%.16s", prefix, hex.s);
		if (!world_get(sim, id))
			return TAKE(id);
	}
}

char *request_id_new(struct sim *sim)
{
	uint8_t b[16];
	cleanup(str_done) struct str hex = STR_INIT;

	(void)sim;
	random_bytes(b, sizeof(b));
	str_add_hex(&hex, b, sizeof(b));
	return mem_printf("%.8s-%.4s-4%.3s-a%.3s-%.12s", hex.s, hex.s + 8, hex.s + 13, hex.s + 17,
			  hex.s + 20);
}

/* ---- resources */
struct res *world_get(struct sim *sim, const char *id)
{
	vec_foreach (r, &sim->all)
		if (str_eq((*r)->id, id))
			return *r;
	return NULL;
}

struct res *world_add(struct sim *sim, const struct kind *kind, const char *id, json_t *truth)
{
	struct res *res = world_get(sim, id);

	if (res) { /* a world description that is merged over the one before */
		json_decref(res->truth);
		res->truth = truth;
	} else {
		res = mem_alloc(sizeof(*res));
		res->id = mem_strdup(id);
		res->kind = kind;
		res->truth = truth;
		vec_push(&sim->all, res);
	}
	world_touch(res);
	return res;
}

void world_touch(struct res *res)
{
	res->dirty = true;
}

static void version_show(struct res *res, json_t *v)
{
	json_decref(res->shown);
	res->shown = v;
}

const json_t *world_shown(struct sim *sim, struct res *res)
{
	size_t due = 0;

	while (due < res->coming.count && res->coming.items[due].at <= sim->now)
		version_show(res, res->coming.items[due++].v);
	if (due) {
		memmove(res->coming.items, res->coming.items + due,
			(res->coming.count - due) * sizeof(*res->coming.items));
		res->coming.count -= due;
	}
	return res->shown && !jb(res->shown, "gone") ? res->shown : NULL;
}

/* The truth becomes a version that is shown when the consistency delay is over. */
static void version_add(struct sim *sim, struct res *res)
{
	const json_t *range = jget(setting(sim, "consistency"), "visible_after_s");
	json_t *v = json_deep_copy(res->truth);
	double at = sim->now + sim_uniform(sim, res->id, "visible", res->changes, range);

	if (sim->shows_at_once)
		at = sim->now;
	world_shown(sim, res);
	/* A later change is never seen before an earlier one. */
	if (res->coming.count && res->coming.items[res->coming.count - 1].at > at)
		at = res->coming.items[res->coming.count - 1].at;
	if (at <= sim->now)
		version_show(res, v);
	else
		vec_push(&res->coming, ((struct version){ at, v }));
}

/* ---- the journal: one JSON line a changed resource, the last one wins */
static void line_add(struct str *out, const struct res *res)
{
	json_t *line = json_object(), *coming;
	char *text;

	jset_s(line, "id", res->id);
	jset_s(line, "kind", res->kind->name);
	jset_i(line, "changes", (json_int_t)res->changes);
	jset(line, "truth", json_incref(res->truth));
	if (res->coming.count || !res->shown) {
		jset(line, "shown", res->shown ? json_incref(res->shown) : json_null());
		jset(line, "coming", coming = json_array());
		vec_foreach (v, &res->coming)
			json_array_append_new(coming,
					      json_pack("{s:f,s:O}", "at", v->at, "v", v->v));
	}
	text = json_dumps(line, JSON_COMPACT);
	str_add(out, text);
	str_add_char(out, '\n');
	free(text);
	json_decref(line);
}

static void clock_add(struct sim *sim, struct str *out)
{
	str_addf(out, "{\"clock\":[%.6f,%.6f],\"serial\":%llu}\n", sim_clock(sim), real_now(),
		 (unsigned long long)sim->serial);
}

static int journal_compact(struct sim *sim, struct err *err)
{
	cleanup(free) char *path = mem_printf("%s/state.jsonl", sim->dir);
	cleanup(str_done) struct str out = STR_INIT;

	clock_add(sim, &out);
	vec_foreach (r, &sim->all)
		line_add(&out, *r);
	if (file_replace(path, out.s, out.len, 0600, err))
		return -1;
	fd_close(sim->journal_fd);
	sim->journal_fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	sim->journal_bytes = out.len;
	return sim->journal_fd < 0 ? err_errno(err, errno, "%s", path) : 0;
}

void world_commit(struct sim *sim)
{
	cleanup(str_done) struct str out = STR_INIT;
	struct err err = ERR_INIT;

	vec_foreach (r, &sim->all) {
		if (!(*r)->dirty)
			continue;
		(*r)->dirty = false;
		(*r)->changes++;
		version_add(sim, *r);
		line_add(&out, *r);
	}
	if (!out.len || sim->journal_fd < 0)
		return;
	clock_add(sim, &out);
	sim->journal_bytes += out.len;
	if (fd_write_all(sim->journal_fd, out.s, out.len) ||
	    (sim->journal_bytes > JOURNAL_MAX_BYTES && journal_compact(sim, &err))) {
		/* Going on would acknowledge what is not kept. */
		fprintf(stderr, "ec2-sim: cannot write the state: %s\n",
			err.code ? err.text : strerror(errno));
		abort();
	}
}

static const struct kind *kind_named(const char *name)
{
	for (size_t i = 0; kinds[i]; i++)
		if (str_eq(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}

static void line_read(struct sim *sim, const json_t *line)
{
	const json_t *clock = jget(line, "clock"), *v;
	const struct kind *kind;
	struct res *res;
	size_t i;

	if (clock) {
		sim->base_sim = json_number_value(json_array_get(clock, 0));
		sim->base_real = json_number_value(json_array_get(clock, 1));
		sim->serial = (uint64_t)ji(line, "serial");
		return;
	}
	kind = kind_named(js(line, "kind"));
	if (!kind || !json_is_object(jget(line, "truth")))
		return;
	res = world_add(sim, kind, js(line, "id"), json_deep_copy(jget(line, "truth")));
	res->dirty = false;
	res->changes = (uint64_t)ji(line, "changes");
	vec_foreach (c, &res->coming)
		json_decref(c->v);
	res->coming.count = 0;
	if (!jhas(line, "coming")) {
		version_show(res, json_deep_copy(res->truth));
		return;
	}
	version_show(res, jhas(line, "shown") ? json_deep_copy(jget(line, "shown")) : NULL);
	json_array_foreach (jget(line, "coming"), i, v)
		vec_push(&res->coming,
			 ((struct version){ jd(v, "at"), json_deep_copy(jget(v, "v")) }));
}

int world_open(struct sim *sim, struct err *err)
{
	cleanup(free) char *path = mem_printf("%s/state.jsonl", sim->dir);
	cleanup(str_done) struct str text = STR_INIT;

	sim->base_sim = sim->base_real = real_now();
	if (file_read(path, (size_t)1 << 30, &text, err)) {
		if (err->code != ERR_NOTFOUND)
			return -1;
		err_clear(err);
	}
	for (char *p = text.s, *end; (end = strchr(p, '\n')); p = end + 1) {
		json_t *line = json_loadb(p, (size_t)(end - p), 0, NULL);

		line_read(sim, line);
		json_decref(line);
	}
	sim->now = sim_clock(sim);
	sim->settings = world_get(sim, "settings");
	if (!sim->settings)
		sim->settings = world_add(sim, &kind_settings, "settings", json_object());
	return journal_compact(sim, err);
}

void world_close(struct sim *sim)
{
	vec_foreach (r, &sim->all) {
		vec_foreach (v, &(*r)->coming)
			json_decref(v->v);
		vec_done(&(*r)->coming);
		json_decref((*r)->truth);
		json_decref((*r)->shown);
		free((*r)->id);
		free(*r);
	}
	vec_done(&sim->all);
	fd_close(sim->journal_fd);
}

/* ---- timers */
void timer_set(struct res *res, const char *name, double at)
{
	json_t *timers = jget(res->truth, "timers");

	if (!timers)
		jset(res->truth, "timers", timers = json_object());
	jset_n(timers, name, at);
	world_touch(res);
}

void timer_drop(struct res *res, const char *name)
{
	if (timer_is_set(res, name)) {
		json_object_del(jget(res->truth, "timers"), name);
		world_touch(res);
	}
}

bool timer_is_set(const struct res *res, const char *name)
{
	return jhas(jget(res->truth, "timers"), name);
}

static struct res *earliest(struct sim *sim, const char **ret_name, double *ret_at)
{
	struct res *found = NULL;

	*ret_at = HUGE_VAL;
	vec_foreach (r, &sim->all) {
		json_t *timers = jget((*r)->truth, "timers"), *at;
		const char *name;

		if (!timers)
			continue;
		json_object_foreach (timers, name, at) {
			if (json_number_value(at) < *ret_at) {
				*ret_at = json_number_value(at);
				*ret_name = name;
				found = *r;
			}
		}
	}
	return found;
}

double world_next_due(struct sim *sim)
{
	const char *name;
	double at;

	earliest(sim, &name, &at);
	return at;
}

void world_advance(struct sim *sim)
{
	double target = sim_clock(sim), at;
	const char *name;
	struct res *res;

	while ((res = earliest(sim, &name, &at)) && at <= target) {
		cleanup(free) char *which = mem_strdup(name);

		if (at > sim->now)
			sim->now = at;
		timer_drop(res, which);
		if (res->kind->timer)
			res->kind->timer(sim, res, which);
		world_commit(sim);
	}
	if (target > sim->now)
		sim->now = target;
}
