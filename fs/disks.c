/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/disks.h"

#include <stddef.h>

void fs_state_done(struct fs_state *state)
{
	free(state->on_error);
	free(state->lost_type);
	free(state->lost_uuid);
	free(state->lost_label);
	free(state->mount_error);
	free(state->check_error);
	free(state->group);
	free(state->group_name);
	free(state->member);
	for (size_t i = 0; i < state->other_member_count; i++)
		free(state->other_members[i]);
	free(state->other_members);
	*state = (struct fs_state){ 0 };
}

void disk_table_done(struct disk_table *table)
{
	vec_foreach (lost, &table->lost)
		free(lost->type);
	vec_done(&table->lost);
	free(table->disk);
	free(table->kind);
}

static void disk_fs_done(struct disk_fs *fs)
{
	free(fs->disk);
	free(fs->type);
	free(fs->uuid);
	free(fs->label);
	free(fs->partuuid);
	free(fs->partlabel);
	free(fs->parttype);
	free(fs->root_subvol);
	for (size_t i = 0; i < fs->subvol_count; i++)
		free(fs->subvols[i]);
	free(fs->subvols);
	fs_state_done(&fs->state);
}

void disks_done(struct disks *disks)
{
	vec_foreach (fs, disks)
		disk_fs_done(fs);
	vec_done(disks);
	vec_foreach (table, &disks->tables)
		disk_table_done(table);
	vec_done(&disks->tables);
}

/* Text from a superblock that is not UTF-8 cannot be named in a configuration file either. */
static json_t *text(const char *s)
{
	json_t *value = s ? json_string(s) : NULL;

	return value ? value : json_null();
}

/* A UUID is one word in every file that names it; what a hostile superblock or process puts there instead is none. */
static bool is_uuid(const char *s)
{
	return s && *s &&
	       !s[strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")];
}

static json_t *uuid(const char *s)
{
	return is_uuid(s) ? json_string(s) : json_null();
}

/* The members of struct fs_state, of each kind: most are not told, and those are left out. */
#define STATE(member)                                      \
	{                                                  \
#member, offsetof(struct fs_state, member) \
	}
static const struct state_member {
	const char *key;
	size_t at;
} state_numbers[] = { STATE(size_bytes), STATE(bytes_free), STATE(inodes), STATE(inodes_free),
		      STATE(copy_block) },
  state_words[] = { STATE(block_bytes), STATE(members), STATE(members_needed) },
  state_flags[] = { STATE(is_counted), STATE(has_errors), STATE(is_unclean), STATE(is_check_due) },
  state_texts[] = { STATE(on_error),   STATE(lost_type),   STATE(lost_uuid),
		    STATE(lost_label), STATE(mount_error), STATE(check_error),
		    STATE(group),      STATE(group_name),  STATE(member) };

static void *member_of(const struct fs_state *state, const struct state_member *member)
{
	return (char *)(uintptr_t)state + member->at;
}

static void put_number(json_t *into, const char *key, uint64_t value)
{
	/* What a superblock claims may be more than JSON's integers hold. */
	if (value)
		json_object_set_new(
			into, key, json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

static json_t *state_to_json(const struct fs_state *state)
{
	json_t *into = json_object(), *others = json_array();

	for (size_t i = 0; i < ARRAY_LEN(state_numbers); i++)
		put_number(into, state_numbers[i].key,
			   *(uint64_t *)member_of(state, &state_numbers[i]));
	for (size_t i = 0; i < ARRAY_LEN(state_words); i++)
		put_number(into, state_words[i].key,
			   *(uint32_t *)member_of(state, &state_words[i]));
	for (size_t i = 0; i < ARRAY_LEN(state_flags); i++)
		if (*(bool *)member_of(state, &state_flags[i]))
			json_object_set_new(into, state_flags[i].key, json_true());
	for (size_t i = 0; i < ARRAY_LEN(state_texts); i++) {
		const char *s = *(char **)member_of(state, &state_texts[i]);
		json_t *value = s ? json_string(s) : NULL;

		if (value)
			json_object_set_new(into, state_texts[i].key, value);
	}
	for (size_t i = 0; i < state->other_member_count; i++) {
		json_t *value = json_string(state->other_members[i]);

		if (value)
			json_array_append_new(others, value);
	}
	json_object_set_new(into, "other_members", others);
	return into;
}

static json_t *table_to_json(const struct disk_table *table)
{
	json_t *lost = json_array();

	vec_foreach (fs, &table->lost)
		json_array_append_new(lost, json_pack("{s:I, s:I, s:o}", "offset",
						      (json_int_t)fs->offset_bytes, "size",
						      (json_int_t)fs->size_bytes, "type",
						      text(fs->type)));
	return json_pack("{s:o, s:I, s:o, s:b, s:b, s:b, s:b, s:b, s:o}", "disk", text(table->disk),
			 "size", (json_int_t)table->size_bytes, "kind", text(table->kind),
			 "is_primary_bad", table->is_primary_bad, "is_backup_bad",
			 table->is_backup_bad, "is_backup_misplaced", table->is_backup_misplaced,
			 "lacks_protective_mbr", table->lacks_protective_mbr, "lacks_boot_code",
			 table->lacks_boot_code, "lost", lost);
}

json_t *disks_to_json(const struct disks *disks)
{
	json_t *list = json_array(), *tables = json_array();

	vec_foreach (table, &disks->tables)
		json_array_append_new(tables, table_to_json(table));
	vec_foreach (fs, disks) {
		json_t *subvols = json_array();

		for (size_t i = 0; i < fs->subvol_count; i++)
			json_array_append_new(subvols, text(fs->subvols[i]));
		json_array_append_new(
			list,
			json_pack("{s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, "
				  "s:b, s:o, s:o}",
				  "disk", text(fs->disk), "partition", (json_int_t)fs->partition,
				  "offset", (json_int_t)fs->offset_bytes, "size",
				  (json_int_t)fs->size_bytes, "type", text(fs->type), "uuid",
				  uuid(fs->uuid), "label", text(fs->label), "partuuid",
				  uuid(fs->partuuid), "partlabel", text(fs->partlabel), "parttype",
				  text(fs->parttype), "is_root", fs->is_root, "root_subvol",
				  text(fs->root_subvol), "is_damaged", fs->is_damaged, "subvols",
				  subvols, "state", state_to_json(&fs->state)));
	}
	return json_pack("{s:b, s:o, s:o}", "is_complete", disks->is_complete, "filesystems", list,
			 "tables", tables);
}

static char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? mem_strdup(s) : NULL;
}

static char *uuid_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return is_uuid(s) ? mem_strdup(s) : NULL;
}

static uint64_t number_of(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

static void state_from_json(const json_t *json, struct fs_state *ret)
{
	const json_t *others = json_object_get(json, "other_members");

	for (size_t i = 0; i < ARRAY_LEN(state_numbers); i++)
		*(uint64_t *)member_of(ret, &state_numbers[i]) =
			number_of(json, state_numbers[i].key);
	for (size_t i = 0; i < ARRAY_LEN(state_words); i++)
		*(uint32_t *)member_of(ret, &state_words[i]) =
			(uint32_t)number_of(json, state_words[i].key);
	for (size_t i = 0; i < ARRAY_LEN(state_flags); i++)
		*(bool *)member_of(ret, &state_flags[i]) =
			json_is_true(json_object_get(json, state_flags[i].key));
	for (size_t i = 0; i < ARRAY_LEN(state_texts); i++)
		*(char **)member_of(ret, &state_texts[i]) = text_of(json, state_texts[i].key);
	ret->other_members = mem_array(json_array_size(others), sizeof(*ret->other_members));
	for (size_t i = 0; i < json_array_size(others); i++) {
		const char *s = json_string_value(json_array_get(others, i));

		if (s)
			ret->other_members[ret->other_member_count++] = mem_strdup(s);
	}
}

static void table_from_json(const json_t *json, struct disk_table *ret)
{
	const json_t *value;
	size_t i;

	ret->disk = text_of(json, "disk");
	ret->size_bytes = number_of(json, "size");
	ret->kind = text_of(json, "kind");
	ret->is_primary_bad = json_is_true(json_object_get(json, "is_primary_bad"));
	ret->is_backup_bad = json_is_true(json_object_get(json, "is_backup_bad"));
	ret->is_backup_misplaced = json_is_true(json_object_get(json, "is_backup_misplaced"));
	ret->lacks_protective_mbr = json_is_true(json_object_get(json, "lacks_protective_mbr"));
	ret->lacks_boot_code = json_is_true(json_object_get(json, "lacks_boot_code"));
	json_array_foreach (json_object_get(json, "lost"), i, value)
		vec_push(&ret->lost, ((struct lost_fs){ .offset_bytes = number_of(value, "offset"),
							.size_bytes = number_of(value, "size"),
							.type = text_of(value, "type") }));
}

int disks_from_json(const json_t *json, struct disks *ret, struct err *err)
{
	const json_t *list = json_object_get(json, "filesystems"), *value;
	struct disks disks = { 0 };
	size_t i;

	if (!json_is_array(list))
		return err_set(err, ERR_MALFORMED, "the disks have no list \"filesystems\"");
	disks.is_complete = json_is_true(json_object_get(json, "is_complete"));
	json_array_foreach (list, i, value) {
		const json_t *subvols = json_object_get(value, "subvols");
		struct disk_fs *fs = vec_add(&disks);

		fs->disk = text_of(value, "disk");
		fs->partition = (uint32_t)number_of(value, "partition");
		fs->offset_bytes = number_of(value, "offset");
		fs->size_bytes = number_of(value, "size");
		fs->type = text_of(value, "type");
		fs->uuid = uuid_of(value, "uuid");
		fs->label = text_of(value, "label");
		fs->partuuid = uuid_of(value, "partuuid");
		fs->partlabel = text_of(value, "partlabel");
		fs->parttype = text_of(value, "parttype");
		fs->is_root = json_is_true(json_object_get(value, "is_root"));
		fs->root_subvol = text_of(value, "root_subvol");
		fs->is_damaged = json_is_true(json_object_get(value, "is_damaged"));
		fs->subvols = mem_array(json_array_size(subvols), sizeof(*fs->subvols));
		for (size_t k = 0; k < json_array_size(subvols); k++) {
			const char *s = json_string_value(json_array_get(subvols, k));

			if (s)
				fs->subvols[fs->subvol_count++] = mem_strdup(s);
		}
		state_from_json(json_object_get(value, "state"), &fs->state);
	}
	json_array_foreach (json_object_get(json, "tables"), i, value)
		table_from_json(value, vec_add(&disks.tables));
	*ret = disks;
	return 0;
}
