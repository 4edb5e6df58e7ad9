"""Transient places: recycle bins, version stores, snapshots, caches, and files salvaged by a disk check.

Another program deletes files there on its own schedule, so a copy there cannot be relied on. Only names that programs
use are listed, not plain words such as "Trash" that a person may have chosen. Configurable names are listed with their
default.

The whole path counts, not only the part below a root: a snapshot expires even if it is a root.
"""

import re
from functools import cache

from catalog.formatting import printable_path

# Folders: everything in them is transient. With a slash, nested folders.
TRANSIENT_FOLDERS = (
    # Windows: recycle bins of NTFS, of NT 4 and 2000, of FAT; shadow copies; files salvaged by chkdsk; the previous
    # system, removed after 10 days (learn.microsoft.com: "Windows.old folder", "chkdsk"). The names survive on shares.
    "$RECYCLE.BIN",
    "RECYCLER",
    "RECYCLED",
    "System Volume Information",
    "FOUND.0??",
    "Windows.old",
    "AppData/Local/Temp",
    # FreeDesktop.org Trash specification 1.0, "Trash directories"; XDG Base Directory specification 0.8
    ".Trash",
    ".Trash-*",
    ".local/share/Trash",
    ".cache",
    ".thumbnails",  # before XDG: Thumbnail Managing Standard 0.7; on Android DCIM/.thumbnails
    "lost+found",  # e2fsck(8), xfs_repair(8)
    # macOS, also on USB disks and shares (github/gitignore, Global/macOS.gitignore; Time Machine thins its backups)
    ".Trashes",
    ".DocumentRevisions-V100",
    ".TemporaryItems",
    "Temporary Items",
    "Network Trash Folder",
    ".MobileBackups",
    ".MobileBackups.trash",
    "Backups.backupdb",
    "Library/Caches",
    # Samba: vfs_recycle(8), default of recycle:repository; vfs_shadow_copy2(8), default of shadow:format
    ".recycle",
    "@GMT-????.??.??-??.??.??",
    # Synology: DSM help, "Create a Shared Folder" (#recycle), "Snapshots" (#snapshot); @eaDir holds thumbnails, @tmp
    # uploads under way, @sharesnap the snapshots themselves. TerraMaster: #recycle, TOS help, "Shared Folders"
    "#recycle",
    "#snapshot",
    "@eaDir",
    "@tmp",
    "@sharesnap",
    ".SynologyWorkingDirectory",
    # QNAP: QTS user guide, "Network Recycle Bin", "Snapshots"; thumbnails. Not .Qsync: people keep their files there
    "@Recycle",
    "@Recently-Snapshot",
    "@__thumb",
    ".@__thumb",
    # Unraid: unraid/docker-templates, recycle.bin.xml; dynamix.file.recycle
    ".Recycle.Bin",
    ".RecycleBin",
    # Snapshots that file systems show as folders
    ".zfs",  # zfsprops(7), snapdir; Oracle ZFS appliance, "File System Control Directory"
    ".snapshot",  # NetApp ONTAP, "Access to Snapshot copies over NFS"; InfiniBox, snapshot directory
    "~snapshot",  # NetApp ONTAP, "User access to Snapshot copies": the same over SMB
    ".snapshots",  # snapper(8); vfs_snapper(8); IBM Storage Scale, mmsnapdir
    ".snap",  # docs.ceph.com, "CephFS Snapshots"
    ".snaps",  # Red Hat Gluster Storage, "User Serviceable Snapshots"
    ".trashcan",  # GlusterFS, "Trash translator": default of features.trash-dir
    "btrbk_snapshots",  # btrbk.conf(5), the example's snapshot_dir
    "timeshift/snapshots",  # linuxmint/timeshift: RSYNC mode
    "timeshift-btrfs",  # linuxmint/timeshift: BTRFS mode
    # Deleted and replaced files kept by sync programs
    ".stversions",  # syncthing-versioning(7)
    ".sync",  # Resilio Sync help, "Using Archive for file versioning": .sync/Archive, 30 days
    ".SyncArchive",  # BitTorrent Sync 1.x
    ".dropbox.cache",  # help.dropbox.com/desktop-web/cache-folder: "automatically cleared every three days"
    ".tmp.drivedownload",  # Google Drive for desktop: transfers under way
    ".tmp.driveupload",
    "_gsdata_",  # help.goodsync.com, "What is the _gsdata_ folder": _saved_ and _history_, 30 days
    ".debris",  # MEGA SDK, Sync::localdebris: MEGAsync's local rubbish bin
    "files_trashbin",  # nextcloud/server, apps/files_trashbin; ownCloud
    "files_versions",  # nextcloud/server, apps/files_versions; ownCloud
    "appdata_*/preview",  # nextcloud/server: previews, generated again on demand
    # Photo programs
    ".dtrash",  # digiKam: DTrash, one in each collection
    ".globalTrash",  # Xiaomi's Gallery: DCIM/.globalTrash
)
# Files by their own names.
TRANSIENT_FILES = (
    # AOSP, MediaProvider, FileUtils.PATTERN_EXPIRES_FILE: deleted after 30 and 7 days
    ".trashed-*",
    ".pending-*",
)

IN_SNAPSHOT = "is in a read-only snapshot of the same disk"


def transient_reason(path: bytes) -> str:
    """Return why a file is transient, as the predicate of a sentence; "" if it is not. Pure.

    Case is ignored: on Windows, SMB, FAT and macOS, both spellings are the same folder.
    """
    match = _pattern().search(path)
    if match is None:
        return ""
    folder = match[1]
    if folder:
        return f"is in {printable_path(folder)}, where files do not stay"
    return "has a name by which Android marks files for deletion"


@cache
def _pattern() -> re.Pattern[bytes]:
    folders, files = "|".join(map(_glob_regex, TRANSIENT_FOLDERS)), "|".join(map(_glob_regex, TRANSIENT_FILES))
    return re.compile(f"/(?:({folders})/|(?:{files})\\Z)".encode(), re.IGNORECASE | re.DOTALL)


def _glob_regex(name: str) -> str:
    return re.escape(name).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
