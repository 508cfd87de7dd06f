/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_RESCUE_H
#define RESCUE_RESCUE_H

/* One rescue: a small state machine driven by events (a call ended, the world was looked at, the
 * surgery moved, a timer). It never blocks; any number of them share a runner. */

#include "ec2/watch.h"
#include "rescue/blocks.h"
#include "rescue/claim.h"
#include "rescue/journal.h"
#include "rescue/link.h"
#include "rescue/plan.h"
#include "rescue/record.h"
#include "rescue/remote.h"
#include "rescue/report.h"
#include "rescue/surgery.h"

enum phase { PHASE_OUT, PHASE_HOME, PHASE_VERIFY, PHASE_ENDED };
enum stage {
	STAGE_LOOK, /* is it so already? */
	STAGE_WAIT, /* acted; waiting for the world to follow */
};

enum operation {
	OPERATION_NONE,
	OPERATION_EXAMINE, /* and, when told so, commit */
	OPERATION_UNDO,
	OPERATION_FINISH, /* an interrupted write, forwards */
	OPERATION_TAKE_BACK,
};
struct verify;

struct call { /* the one API call under way, and what its reply fills */
	struct ec2_op op;
	bool is_busy;
	bool is_unseen; /* changes nothing that the watch shows, so old looks stay good */
	void (*reply)(struct rescue *); /* on success, before the reply is released */
	struct ec2_state_changes power;
	struct ec2_attachment attachment;
	struct ec2_snapshot snapshot;
	struct ec2_volume volume;
	struct ec2_images images;
	struct ec2_image image;
	struct ec2_replace_task task;
	struct ec2_replace_tasks tasks;
	struct ec2_security_group group;
	struct ec2_instances launched;
	union ec2_list found; /* what carries the run's tag */
	enum ec2_what found_what;
};

struct rescue {
	struct runner *runner;
	struct record record;
	char *dir; /* STATE/runs/RUN */
	struct journal *journal;
	struct cloud_facts facts;
	char *console; /* before the rescue; NULL: none */

	enum phase phase;
	enum stage stage;
	size_t at;	     /* the row under way */
	int64_t began_ms;    /* of the row's stage */
	int64_t deadline_ms; /* -1: not set */
	int64_t retry_ms;    /* not before this is the act tried again */
	uint32_t tries;
	int64_t changed_ms; /* our last change of the world; older looks are not believed */
	int64_t unsettled_ms[PLAN_MAX]; /* until then a lost request may still take effect; 0: no */
	int64_t home_deadline_ms[PLAN_MAX];
	struct err last; /* the newest error of the row, for the sentence at its deadline */
	struct err fail; /* why the way home began; ERR_NONE: all went well */
	struct call call;
	bool is_watching;
	bool is_refused; /* the row's call was refused for good: r->last */
	bool has_said;	 /* what the row waits for was reported */

	/* The steps' own. */
	bool is_left[PLAN_MAX];	      /* the server cannot do the undo: warned, goes home without */
	bool is_tagged, is_untagged;  /* a CreateTags, a DeleteTags of the claim succeeded */
	bool empties_tag;	      /* instead of deleting it, which the server cannot */
	bool is_dot_sent;	      /* so did the restoring of DeleteOnTermination */
	char overwrites[RUN_ID_SIZE]; /* the expired claim that may be overwritten; "" none */
	bool stop_is_forced, skip_snapshot, takes_bare_snapshot;
	bool is_in_doubt;	    /* the row's last call may have taken effect */
	uint32_t snapshot_searches; /* for a snapshot whose id was lost with the reply */
	uint32_t device_tries;	    /* names that EC2 refused */
	struct snapshot_id child;   /* of a swap: one that is to be deleted */
	int64_t searched_ms;	    /* when the newest search of a row began */
	int64_t none_ms[PLAN_MAX];  /* ... and the one that found nothing left; 0: none did */
	char image[ID_SIZE], task[ID_SIZE]; /* VIA_REPLACE: as far as they are known */
	bool is_image_missing, is_task_done;
	/* The tags of the new root, and that the old one is kept: written, or tried often enough. */
	uint32_t name_tries, kept_tries;
	bool is_named, is_root_untagged, is_kept_tagged;
	struct surgery *surgery;
	struct blocks *blocks; /* of a swap: what the surgery works on */
	/* VIA_HELPER: the connection, and what the surgery works on. */
	struct link *link;
	struct remote *remote;
	bool is_group_open;	   /* its rule is there */
	bool is_helper_told;	   /* to terminate */
	struct instance_id doomed; /* a search found it running */
	uint32_t type_index;	   /* in helper_types */
	enum operation operation;
	enum { COMMIT_NONE, COMMIT_BEGUN, COMMIT_DONE } commit;
	enum claim_surgery tagged;	      /* what our last successful CreateTags said */
	struct surgery_result surgery_result; /* newest, kept after the surgery is gone */
	struct verify *verify;
	double down_until; /* CLOCK_REALTIME of its first answer; 0: none yet */
	enum err_code exit_code;
	int exit_status;
};

/* A rescue from a record (borrowed no longer than the call). The journal is not opened. */
struct rescue *rescue_new(struct runner *runner, const struct record *record);
void rescue_free(struct rescue *);
/* Does everything that is due; arms the next timer and look. */
void rescue_advance(struct rescue *);
/* Something happened: advances at the next turn of the loop (never inside the caller, which may be
 * a callback of what advancing would release). */
void rescue_poke(struct rescue *);
void rescue_wake(void *rescue); /* rescue_advance as a timer */
/* Puts what the rescue is about on the runner's watch, or takes it off. */
void rescue_watch(struct rescue *, bool on);
/* The sentence what is still borrowed and how to give it back; nothing: "". */
void rescue_say_left(const struct rescue *, struct str *out);

/* Below: for the steps. */

/* Prepares the call: `reply` runs on success. Pass &r->call.op to the typed call then. */
/* A request of this row whose fate is unknown may still take effect for some seconds: until then it
 * is not believed to be at home. */
void rescue_unsettle(struct rescue *, size_t at);
void rescue_go_to(struct rescue *, size_t at); /* that row from its beginning */
struct ec2_op *rescue_call(struct rescue *, void (*reply)(struct rescue *));
/* Appends to the journal (takes the record over). A journal that cannot be written is fatal on the
 * way out and a warning on the way home. */
int rescue_note(struct rescue *, json_t *record, struct err *err)
	__attribute__((warn_unused_result));
void rescue_note_home(struct rescue *, json_t *record);
void rescue_warn(const struct rescue *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Is a failure worth another try? On the way home all are, until the deadline. */
bool rescue_may_retry(const struct rescue *, enum err_code code);
int64_t rescue_backoff_ms(const struct rescue *, int64_t first_ms, int64_t most_ms);
/* The surgery, and what it works on, are over. */
void rescue_close_surgery(struct rescue *);
/* Nothing on the volume is to be repaired: the rest of the surgery is skipped. */
bool rescue_has_nothing_to_repair(const struct rescue *);
/* Is this the snapshot that the run wrote (rescue/child.h)? */
bool child_is_of(const struct ec2_snapshot *, const struct volume_id *root, const char *run);
/* Rows whose things are found by a tag or a name, and given up until a search finds none: one that began before
 * a lost request can take effect proves nothing. */
enum held search_held(const struct rescue *, size_t at, enum way way);
void search_begins(struct rescue *);
void search_ended(struct rescue *, size_t at, bool has_found);
void search_again(struct rescue *); /* as a reply: soon */
/* Starts the call for what carries this run's tag, into call.found. Returns STARTED_OP. */
int find_of_run(struct rescue *, enum ec2_what what, void (*reply)(struct rescue *));
bool is_of_run(const struct rescue *, const struct ec2_tags *tags);
void go_on_soon(struct rescue *); /* as a reply: at once, whatever it said */
/* Where the volume that was made in the root's stead cannot be put there, home has the old one again. */
void restore_give_up(struct rescue *);
/* Home keeps the old root, which was not written. Returns STARTED_NOTHING. */
int rescue_stay(struct rescue *, const struct err *why);
/* Can the new root not be had, however often it is tried? */
bool restore_is_hopeless(const struct rescue *, struct err *err);
/* The tags of the volume that takes the root's place: those of the old one, and the run's. */
enum {
	RESTORE_TAGS_MAX = 41, /* EC2 allows 50 on one resource */
	TAG_TRIES = 3
};
size_t restore_tags(const struct rescue *, const struct ec2_volume *old,
		    struct ec2_tag_pair tags[RESTORE_TAGS_MAX]);
/* The name of the image of a run VIA_REPLACE, malloc'd. */
char *swap_image_name(const struct record *);
/* Tags the old root volume as kept. Returns STARTED_OP. */
int restore_tag_kept(struct rescue *);
/* Has another run taken the claim? */
bool claim_is_lost(const struct rescue *, struct err *err);
/* Does another machine take this run home, as far as was seen? This one decides nothing more then. */
bool claim_is_taken(const struct rescue *, struct err *err);
/* The volume whose place is home: the root volume, or the one that was made in its stead. */
const struct volume_id *rescue_root(const struct rescue *);
/* The volume's attachment to its home instance, or (PLACE_AWAY) to any other one; what *ret points
 * to is borrowed until the next look. False: it has none there. */
enum rescue_place { PLACE_HOME, PLACE_AWAY };
bool rescue_attachment(const struct rescue *, const struct ec2_volume *, enum rescue_place,
		       struct ec2_attachment *ret);
/* Is the connection to the helper there, or further? LINK_READY: it listens; LINK_DEVICE: it has the volume. */
enum held helper_held(const struct rescue *, enum link_state wanted, struct err *err);
bool helper_is_gone(const struct rescue *);
int rescue_note_launch(struct rescue *, struct err *err)
	__attribute__((warn_unused_result)); /* record.launch */
/* Goes on to LINK_DEVICE. STARTED_NOTHING. */
int helper_look(struct rescue *, struct err *err);
bool rescue_is_fresh(const struct rescue *); /* is the newest look younger than our last change? */

#endif
