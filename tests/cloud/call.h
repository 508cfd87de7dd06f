/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLOUD_CALL_H
#define CLOUD_CALL_H

/* One API call on its way: HTTP request -> signature -> throttle -> permission -> parameters ->
 * DryRun -> handler -> reply. The order is EC2's own. */

#include "tests/cloud/sim.h"

#define MAX_BODY_BYTES (4u << 20)

struct field {
	char *name, *value;
};
struct fields {
	struct field *items;
	size_t count, room;
};
void fields_done(struct fields *fields);
DEFINE_CLEANUP_DONE(struct fields, fields_done)
const char *field_get(const struct fields *fields, const char *name);  /* exact; NULL */
const char *header_get(const struct fields *fields, const char *name); /* any case; NULL */
/* name=value&... percent-decoded, '+' is a space; -1 when it is no such thing. */
int fields_parse(struct fields *into, const char *text, size_t len);

struct request {	       /* HTTP as it came */
	char *method, *target; /* target: path and query, not decoded */
	struct fields headers;
	struct str body;
	bool is_too_big;
};

enum reply_fate { REPLY_SEND, REPLY_DROP };
struct reply {
	int status;
	const char *type; /* Content-Type */
	struct fields headers;
	struct str body;
	enum reply_fate fate;
	int64_t delay_ms;
};
void reply_done(struct reply *reply);

/* ---- actions (actions.c) */
enum bucket_kind {
	BUCKET_NONE,
	BUCKET_READ,	     /* Describe/Get/List 100, 20 a second */
	BUCKET_READ_PLAIN,   /* the same, 50/10 without filter and paging */
	BUCKET_WRITE,	     /* 50/5 */
	BUCKET_RUN,	     /* 5/2 */
	BUCKET_OWN_5,	     /* 100/5 */
	BUCKET_OWN_10,	     /* 100/10 */
	BUCKET_BLOCK_LISTS,  /* EBS direct: 50 a second */
	BUCKET_BLOCKS,	     /* 1000 a second */
	BUCKET_BLOCK_STARTS, /* 10 a second */
};
enum action_kind { ACTION_READ, ACTION_WRITE };
struct action {
	const char *service, *name;
	enum bucket_kind bucket;
	enum action_kind mutating;
	void (*handler)(struct call *);
	/* Every parameter that is known, blank separated: Name[.N][.*][!][:b|:i]; "!" = required.
	 */
	const char *params;
	const char *resource;	  /* for the policy: "volume/VolumeId"; NULL: "*" */
	double resource_tokens_s; /* resource tokens (bucket 1000) a second; 0: none */
	const struct kind *kind;  /* of a Describe that lists one kind: see describe_kind() */
	const char *ids, *set;	  /* its id parameter and its reply's list */
};
const struct action *action_find(const char *service, const char *name);

struct principal {
	const char *arn, *user_id, *account;
	json_t *credential; /* a reference; NULL: not signed */
};
struct call {
	struct sim *sim;
	const struct request *req;
	const struct action *action;
	struct fields params;
	char service[32];
	char name[80]; /* of the action as asked for */
	struct principal who;
	uint64_t number;
	char *request_id;
	double began_sim;
	int status;
	char *code, *message; /* set: the call failed */
	char *detail;	      /* for the log of calls: the canonical request that did not match */
	json_t *out;	      /* the result in the reply's shape */
	json_t *fault;	      /* that hit this call; owned */
	json_t *new_ids;      /* ids that the call made */
	bool is_waiting;      /* the reply comes later, through call_finish() */
	bool is_rest, has_bytes;
	int status_ok;	    /* of REST; 0: 200 */
	const char *reason; /* of an error of REST; NULL: none */
	struct reply reply;
	void (*done)(struct call *, void *arg); /* the reply is ready */
	void *done_arg;
};
/* Starts a call; call->reply is ready when this returns unless call->is_waiting. */
void call_begin(struct call *call);
void call_finish(struct call *call); /* ends a waiting one and tells call->done */
void call_free(struct call *call);
void call_fail(struct call *call, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static inline bool call_failed(const struct call *call)
{
	return call->code;
}
int error_status(const char *code);

/* ---- parameters (params.c) */
const char *param(const struct call *call, const char *name); /* "" when absent */
bool param_has(const struct call *call, const char *name);
bool param_true(const struct call *call, const char *name);
json_int_t param_int(const struct call *call, const char *name, json_int_t otherwise);
/* The values of Name.1, Name.2, ... in order of their number. Free the array only. */
struct texts {
	const char **items;
	size_t count, room;
};
struct texts param_list(const struct call *call, const char *name);
static inline void texts_done(struct texts *t)
{
	free(t->items);
}
DEFINE_CLEANUP_DONE(struct texts, texts_done)
/* The highest N of Name.N or Name.N.more that occurs; at most 1000. */
unsigned param_count(const struct call *call, const char *name);
const char *param_at(const struct call *call, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int params_check(struct call *call); /* against action->params; -1: call_fail was called */
/* Tags from TagSpecification.N of this resource type; new reference, an object. */
json_t *param_tags(struct call *call, const char *resource_type);

/* The resource an id parameter names: well formed, existing and visible; else call_fail and NULL.
 */
struct res *call_find(struct call *call, const struct kind *kind, const char *id);

/* ---- filters and lists (describe.c) */
struct filter {
	const char *name, *path; /* path into the rendered shape, lists are walked: "a.b" */
};
void describe_kind(struct call *call);
/* Does it match Filter.N...? 1, 0, or -1 with call_fail. */
int filters_match(struct call *call, const struct filter *filters, const json_t *rendered);
/* Cuts a list to a page (MaxResults, NextToken) and sets nextToken. */
void call_page(struct call *call, json_t *list, bool has_ids);

/* ---- the rest of the pipeline */
int sigv4_verify(struct call *call);			   /* sigv4.c; -1: call_fail was called */
int policy_check(struct call *call);			   /* policy.c */
int throttle_check(struct call *call);			   /* throttle.c */
json_t *fault_take(struct call *call);			   /* faults.c; NULL: none hits */
void xml_result(struct str *out, const struct call *call); /* xml.c */
void xml_error(struct str *out, const struct call *call);
void calls_log(struct call *call);
json_t *credential_find(struct sim *sim, const char *access_key_id); /* borrowed */

void control_handle(struct sim *sim, const struct request *req, struct reply *reply);
void imds_handle(struct sim *sim, const struct request *req, struct reply *reply);
void credential_mint(struct sim *sim, json_t *like, const char *arn, double lasts_s, json_t **ret);

/* ---- handlers, one row each in actions.c */
#define HANDLERS(X)                                    \
	X(run_instances)                               \
	X(start_instances)                             \
	X(stop_instances)                              \
	X(reboot_instances)                            \
	X(terminate_instances)                         \
	X(describe_instances)                          \
	X(describe_instance_status)                    \
	X(describe_instance_attribute)                 \
	X(modify_instance_attribute)                   \
	X(get_console_output)                          \
	X(attach_volume)                               \
	X(detach_volume)                               \
	X(create_volume)                               \
	X(delete_volume)                               \
	X(modify_volume)                               \
	X(create_snapshot)                             \
	X(create_snapshots)                            \
	X(delete_snapshot)                             \
	X(create_tags)                                 \
	X(delete_tags)                                 \
	X(describe_tags)                               \
	X(register_image)                              \
	X(deregister_image)                            \
	X(create_replace_root_volume_task)             \
	X(describe_availability_zones)                 \
	X(describe_instance_types)                     \
	X(describe_network_interfaces)                 \
	X(describe_regions)                            \
	X(get_caller_identity)                         \
	X(assume_role)                                 \
	X(assume_role_with_web_identity)               \
	X(describe_auto_scaling_instances)             \
	X(enter_standby)                               \
	X(exit_standby)                                \
	X(create_security_group)                       \
	X(authorize_security_group_ingress)            \
	X(delete_security_group)                       \
	X(get_managed_prefix_list_entries)             \
	X(describe_vpc_block_public_access_options)    \
	X(describe_vpc_block_public_access_exclusions) \
	X(create_network_acl_entry)                    \
	X(delete_network_acl_entry)                    \
	X(create_route)                                \
	X(replace_route)                               \
	X(delete_route)                                \
	X(modify_network_interface_attribute)          \
	X(authorize_security_group_egress)             \
	X(revoke_security_group_ingress)               \
	X(revoke_security_group_egress)                \
	X(associate_address)                           \
	X(attach_network_interface)                    \
	X(get_parameter)                               \
	X(describe_key)                                \
	X(get_ebs_encryption_by_default)               \
	X(list_snapshot_blocks)                        \
	X(get_snapshot_block)                          \
	X(start_snapshot)                              \
	X(put_snapshot_block)                          \
	X(create_role)                                 \
	X(get_role)                                    \
	X(list_role_tags)                              \
	X(list_attached_role_policies)                 \
	X(list_role_policies)                          \
	X(get_role_policy)                             \
	X(put_role_policy)                             \
	X(create_instance_profile)                     \
	X(get_instance_profile)                        \
	X(add_role_to_instance_profile)                \
	X(list_instance_profiles_for_role)             \
	X(complete_snapshot)
#define HANDLER_PROTO(name) void name(struct call *call);
HANDLERS(HANDLER_PROTO)

#endif
