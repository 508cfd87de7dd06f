/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drives fs/volume.h from a shell: what it finds, files of the tree, figures.
 * Usage: tool-volume [-w] [-k|-e] [-m MORE]... WORKDIR PATH COMMAND...
 * Commands: ls DIR, cat FILE, stat FILE, disks, figures, warnings */
#include "base/mem.h"
#include "fs/mount.h"
#include "fs/volume.h"

#include <stdio.h>

static int fail(const struct err *err)
{
	fprintf(stderr, "%s: %s\n", err_name(err->code), err->text);
	return 1;
}

static void print_disks(const struct disks *disks)
{
	for (size_t i = 0; i < disks->count; i++) {
		const struct disk_fs *fs = &disks->items[i];

		printf("%u %s uuid=%s label=%s%s%s%s%s\n", fs->partition, fs->type ? fs->type : "-",
		       fs->uuid ? fs->uuid : "-", fs->label ? fs->label : "-",
		       fs->is_damaged ? " damaged" : "", fs->is_root ? " root" : "",
		       fs->root_subvol ? " subvol=" : "", fs->root_subvol ? fs->root_subvol : "");
	}
}

static void print_figures(const struct volume *volume)
{
	struct volume_figures figures = volume_figures(volume);

	printf("size %llu read %llu changed %llu\n", (unsigned long long)figures.size_bytes,
	       (unsigned long long)figures.source_read_bytes,
	       (unsigned long long)figures.changed_bytes);
}

static int run(struct volume *volume, const char *command, const char *arg, struct err *err)
{
	cleanup(str_done) struct str text = STR_INIT;
	struct tree_names names = { 0 };
	struct tree_stat st;

	if (str_eq(command, "cat")) {
		if (tree_read(volume_tree(volume), arg, TREE_FILE_MAX, &text, err) < 0)
			return -1;
		fwrite(text.s, 1, text.len, stdout);
	} else if (str_eq(command, "ls")) {
		if (tree_list(volume_tree(volume), arg, &names, err) < 0)
			return -1;
		for (size_t i = 0; i < names.count; i++)
			puts(names.items[i]);
		tree_names_done(&names);
	} else if (str_eq(command, "stat")) {
		if (tree_stat(volume_tree(volume), arg, TREE_NOFOLLOW, &st, err) < 0)
			return -1;
		printf("%o %u:%u %llu nlink %u\n", st.mode, st.uid, st.gid,
		       (unsigned long long)st.size_bytes, st.nlink);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct volume_request request = { .access = VOLUME_READ };
	const char *more[8];
	cleanup(volume_close) struct volume *volume = NULL;
	struct err err = ERR_INIT;
	int opt;

	while ((opt = getopt(argc, argv, "+wkem:")) != -1) {
		if (opt == 'w')
			request.access = VOLUME_REPAIR;
		else if (opt == 'k')
			request.way = VOLUME_WAY_KERNEL;
		else if (opt == 'e')
			request.way = VOLUME_WAY_EXT2FS;
		else if (opt == 'm' && request.more_count < 8)
			more[request.more_count++] = optarg;
		else
			return 2;
	}
	if (argc - optind < 2)
		return 2;
	request.work_dir = argv[optind];
	request.path = argv[optind + 1];
	request.more_paths = more;
	if (!geteuid() && mount_private_namespace(&err) < 0)
		return fail(&err);
	if (volume_open(&request, &volume, &err) < 0)
		return fail(&err);
	for (int i = optind + 2; i < argc; i++) {
		if (str_eq(argv[i], "disks"))
			print_disks(volume_disks(volume));
		else if (str_eq(argv[i], "figures"))
			print_figures(volume);
		else if (str_eq(argv[i], "warnings"))
			for (size_t w = 0; w < volume_warnings(volume)->count; w++)
				puts(volume_warnings(volume)->items[w]);
		else if (i + 1 < argc && run(volume, argv[i], argv[i + 1], &err) < 0)
			return fail(&err);
		else
			i++;
	}
	return 0;
}
