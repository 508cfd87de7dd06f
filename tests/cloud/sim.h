/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLOUD_SIM_H
#define CLOUD_SIM_H

/* The embedded cloud: one thread, one event loop, all truth in one list of resources.
 *
 * A resource is a JSON object under an id. Its `truth` is what is; what Describe* may show is its
 * `shown` version, which follows the truth after the consistency delay. Every change is appended to
 * DIR/state.jsonl before the reply leaves, so a kill -9 loses nothing that was acknowledged.
 * Times inside resources are seconds of the simulated clock (Unix epoch, as JSON reals). */

#include "base/err.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/cloud/json.h"

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

struct sim;
struct res;
struct call;
struct filter;
struct MHD_Daemon;

/* ---- kinds (kinds.c): one row a kind of resource */
struct kind {
	const char *name;   /* in the journal and as resourceType of tags */
	const char *plural; /* the key in a world description */
	const char *prefix; /* "vol-"; NULL: the id is free text and not an EC2 id */
	const char *malformed,
		*malformed_text;	    /* error code and text (one %s) of an id that is none */
	const char *missing, *missing_text; /* the same for an id that is not known */
	json_t *(*render)(struct sim *, const json_t *v); /* the EC2 shape; new reference */
	const struct filter *filters;
	void (*timer)(struct sim *, struct res *, const char *name);
	/* Completes a description from the world and adds it; takes no reference. */
	int (*load)(struct sim *, json_t *in, struct err *err);
};
extern const struct kind kind_settings, kind_token, kind_instance, kind_volume, kind_snapshot,
	kind_image, kind_vpc, kind_subnet, kind_security_group, kind_route_table, kind_address,
	kind_asg, kind_spot, kind_replace, kind_eni, kind_network_acl, kind_internet_gateway,
	kind_nat_gateway, kind_peering, kind_prefix_list, kind_iam_role, kind_iam_profile;
extern const struct kind *const kinds[];       /* all, NULL-terminated, in the order of loading */
const struct kind *kind_of_id(const char *id); /* by the prefix; NULL */
bool id_is_well_formed(const char *id, const char *prefix); /* prefix and 8 or 17 hex digits */

/* ---- resources (world.c) */
struct version {
	double at;
	json_t *v;
};
struct res {
	char *id;
	const struct kind *kind;
	json_t *truth;
	json_t *shown; /* NULL: not visible yet */
	VEC(struct version) coming;
	uint64_t changes;
	bool dirty;
};

struct job;
struct held;
struct sim {
	struct loop *loop;
	struct MHD_Daemon *http;
	char *dir;
	int journal_fd, calls_fd;
	size_t journal_bytes;
	unsigned port;
	uint64_t seed;
	double speed;
	double base_sim, base_real; /* the clock: sim = base_sim + (real - base_real) * speed */
	double now;		    /* simulated time at which things happen right now */
	VEC(struct res *) all;
	struct res *settings;
	VEC(struct job *) jobs;
	VEC(struct held *) held; /* suspended connections */
	VEC(struct bucket) buckets;
	VEC(struct listener) listeners;
	VEC(struct session) sessions; /* of real machines */
	uint64_t call_count;
	uint64_t serial; /* makes ids and request ids unique */
	json_t *counters;
	json_t *calls;	    /* the log of calls, newest last */
	bool shows_at_once; /* what a world description says was always so */
	bool stopping;
};
struct bucket {
	char *name;
	double tokens, at;
};
struct listener {
	char *instance;
	int fd;
};
struct session {
	char *instance;
	uint64_t id;
	pid_t pid;
};

struct res *world_get(struct sim *sim, const char *id); /* the truth; NULL */
struct res *world_add(struct sim *sim, const struct kind *kind, const char *id,
		      json_t *truth);			     /* steals truth */
const json_t *world_shown(struct sim *sim, struct res *res); /* NULL: not visible */
void world_touch(struct res *res);			     /* to be saved and shown */
void world_commit(struct sim *sim);			     /* saves what was touched */
void world_advance(struct sim *sim);			     /* runs the timers that are due */
double world_next_due(struct sim *sim);			     /* HUGE_VAL: none */
int world_open(struct sim *sim, struct err *err) __attribute__((warn_unused_result));
void world_close(struct sim *sim);
double real_now(void);
double sim_clock(const struct sim *sim);
void sim_jump(struct sim *sim, double seconds);
int64_t sim_real_ms(const struct sim *sim, double sim_seconds); /* how long that takes for real */

/* Timers are members of the resource's "timers" object: name -> time. */
void timer_set(struct res *res, const char *name, double at);
void timer_drop(struct res *res, const char *name);
bool timer_is_set(const struct res *res, const char *name);

/* A number that depends on the seed, the id and the occasion only, uniform in [lo, hi]. */
double sim_uniform(struct sim *sim, const char *id, const char *what, uint64_t n,
		   const json_t *range);
/* Seconds that `what` takes for this resource this time (section "latencies"). */
double latency(struct sim *sim, struct res *res, const char *what);
double latency_of(struct sim *sim, const char *id, uint64_t n, const char *what);

/* A new id with 17 hex digits, from the seed. Caller frees. */
char *id_new(struct sim *sim, const char *prefix);
char *request_id_new(struct sim *sim);
#define sim_foreach(res_, sim_, kind_)                                                        \
	for (size_t n_ = 0; n_ < (sim_)->all.count; n_++)                                     \
		for (struct res *res_ = (sim_)->all.items[n_]; res_ && res_->kind == (kind_); \
		     res_ = NULL)

/* ---- settings and the world description (load.c) */
/* Can volumes be decrypted with that key? Yes where there is none (""). */
bool key_is_usable(struct sim *sim, const char *arn);
bool encrypts_by_default(struct sim *sim);
json_t *setting(struct sim *sim, const char *name); /* borrowed; NULL when absent */
int setting_merge(struct sim *sim, const char *name, json_t *value, struct err *err)
	__attribute__((warn_unused_result));
const char *sim_account(struct sim *sim);
const char *sim_region(struct sim *sim);
int world_load(struct sim *sim, json_t *world, struct err *err) __attribute__((warn_unused_result));
json_t *world_dump(struct sim *sim); /* the whole truth; new reference */

/* ---- child processes (jobs.c) */
typedef void job_func(struct sim *sim, void *arg, int status); /* status as waitpid gives it */
/* Sparse copy of a file in a child; `to` appears complete or not at all. size_bytes > 0 extends it.
 */
void job_copy(struct sim *sim, const char *from, const char *to, uint64_t size_bytes,
	      job_func *done, void *arg);
/* Runs a program, stdout into the file `out`, at most deadline_s seconds. */
void job_run(struct sim *sim, const char *const *argv, const char *out, unsigned deadline_s,
	     job_func *done, void *arg);
/* Runs a program on a connection: its standard input and output. It does not outlive this process. */
pid_t job_serve(struct sim *sim, const char *const *argv, int fd, const char *log, job_func *done,
		void *arg);
int file_copy_sparse(const char *from, const char *to, uint64_t size_bytes, struct err *err)
	__attribute__((warn_unused_result));
/* Kills them all; each done function gets status -1, with sim->stopping set. */
void jobs_close(struct sim *sim);

/* ---- volumes and their device links (volumes.c, devices.c) */
char *volume_path(struct sim *sim, const char *id);
char *snapshot_path(struct sim *sim, const char *id);
bool shows_devices(struct sim *sim, const struct res *inst);
void device_appear(struct sim *sim, struct res *vol);
void device_vanish(struct sim *sim, struct res *vol);
bool device_is_busy(struct sim *sim, const char *volume_id);
void devices_restore(struct sim *sim);
/* Makes a volume; the contents come from a snapshot's file unless snapshot is "". */
struct volume_make {
	const char *zone, *type, *snapshot;
	json_int_t size, iops, throughput;
	bool encrypted;
	const char *id; /* NULL: a new one */
};
struct res *volume_create(struct sim *sim, const struct volume_make *make);
void volume_attach(struct sim *sim, struct res *vol, struct res *inst, const char *device,
		   bool delete_on_termination, double takes_s);
void volume_detached(struct sim *sim, struct res *vol);
void volume_delete(struct sim *sim, struct res *vol);
void volume_copy_resume(struct sim *sim, struct res *vol);
json_t *attachment_render(struct sim *sim, const char *volume_id, const json_t *attachment);

/* ---- instances (instances.c, boot.c, sshd.c) */
void instance_set_state(struct sim *sim, struct res *inst, const char *state);
json_t *mapping_find(const json_t *inst, const char *device); /* borrowed */
json_t *mapping_of_volume(const json_t *inst, const char *volume_id);
void instance_product_codes(struct sim *sim, struct res *inst);
void instance_terminate(struct sim *sim, struct res *inst, const char *reason);
void boot_begin(struct sim *sim, struct res *inst);
void boot_timer(struct sim *sim, struct res *inst, const char *name);
void boot_end(struct sim *sim, struct res *inst); /* the instance leaves `running` */
void boot_restore(struct sim *sim);
int sshd_open(struct sim *sim, struct res *inst);
/* Do its security groups let this through? */
bool groups_admit(struct sim *sim, const struct res *inst, struct in_addr from, unsigned port);
void sshd_close(struct sim *sim, const char *instance_id);
void sshd_close_all(struct sim *sim);
struct res *instance_launch(struct sim *sim, json_t *description);
int state_code(const char *state);
json_t *state_render(const char *state);
void public_address_assign(struct sim *sim, struct res *inst);
struct res *address_of(struct sim *sim, const char *instance_id);

char *time_text(double t); /* 2026-11-22T00:00:00.000Z; caller frees */
json_t *json_time(double t);
json_t *tags_render(const json_t *v);

/* ---- serving */
int http_open(struct sim *sim, unsigned port, struct err *err) __attribute__((warn_unused_result));
void http_close(struct sim *sim);
int http_wait_ms(struct sim *sim);
void http_run(struct sim *sim);

#endif
