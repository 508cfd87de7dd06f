/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/disks.h"

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
}

void disks_done(struct disks *disks)
{
	vec_foreach (fs, disks)
		disk_fs_done(fs);
	vec_done(disks);
}

/* Text from a superblock that is not UTF-8 cannot be named in a configuration file either. */
static json_t *text(const char *s)
{
	json_t *value = s ? json_string(s) : NULL;

	return value ? value : json_null();
}

json_t *disks_to_json(const struct disks *disks)
{
	json_t *list = json_array();

	vec_foreach (fs, disks) {
		json_t *subvols = json_array();

		for (size_t i = 0; i < fs->subvol_count; i++)
			json_array_append_new(subvols, text(fs->subvols[i]));
		json_array_append_new(
			list,
			json_pack("{s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, "
				  "s:b, s:o}",
				  "disk", text(fs->disk), "partition", (json_int_t)fs->partition,
				  "offset", (json_int_t)fs->offset_bytes, "size",
				  (json_int_t)fs->size_bytes, "type", text(fs->type), "uuid",
				  text(fs->uuid), "label", text(fs->label), "partuuid",
				  text(fs->partuuid), "partlabel", text(fs->partlabel), "parttype",
				  text(fs->parttype), "is_root", fs->is_root, "root_subvol",
				  text(fs->root_subvol), "is_damaged", fs->is_damaged, "subvols",
				  subvols));
	}
	return json_pack("{s:b, s:o}", "is_complete", disks->is_complete, "filesystems", list);
}

static char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? mem_strdup(s) : NULL;
}

static uint64_t number_of(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
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
		fs->uuid = text_of(value, "uuid");
		fs->label = text_of(value, "label");
		fs->partuuid = text_of(value, "partuuid");
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
	}
	*ret = disks;
	return 0;
}
