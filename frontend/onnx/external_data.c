/* SPDX-License-Identifier: Apache-2.0
 *
 * External data is opened with openat2(), which the kernel keeps beneath the folder and away from
 * symbolic links; where that call is missing, component by component with O_NOFOLLOW. A file with
 * several hard links is refused unless links are allowed, as is anything but a regular file:
 * https://github.com/onnx/onnx/blob/main/docs/ExternalDataSecurity.md
 */
#include "frontend/onnx/external_data.h"
#include "frontend/onnx/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct MappedFile {
    const char *location;
    const char *data;
    size_t length;
} MappedFile;

ExternalData external_data_create(Arena *arena, const char *model_path, bool allow_links, bool copy,
                                  Diagnostics *diagnostics)
{
    const char *slash = model_path ? strrchr(model_path, '/') : NULL;
    const char *folder = NULL;
    if (slash)
        folder = arena_string(arena, model_path, (size_t)(slash - model_path) + 1);
    else if (model_path)
        folder = ".";
    return (ExternalData){
        .arena = arena,
        .folder = folder,
        .allow_links = allow_links,
        .copy = copy,
        .files = map_create(arena),
        .diagnostics = diagnostics,
    };
}

/* ---- Opening ------------------------------------------------------------------------------- */

/* Relative, of plain components; "." and empty ones do no harm. */
static bool is_contained(const char *location)
{
    if (location[0] == '\0' || location[0] == '/')
        return false;
    for (const char *part = location; part;) {
        const char *slash = strchr(part, '/');
        size_t length = slash ? (size_t)(slash - part) : strlen(part);
        if (length == 2 && part[0] == '.' && part[1] == '.')
            return false;
        part = slash ? slash + 1 : NULL;
    }
    return true;
}

static int open_by_components(int folder, const char *location)
{
    char name[256];
    int at = dup(folder);
    for (const char *part = location; at >= 0 && part;) {
        const char *slash = strchr(part, '/');
        size_t length = slash ? (size_t)(slash - part) : strlen(part);
        int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (slash ? O_DIRECTORY : 0);
        int next;
        if (length >= sizeof name) {
            errno = ENAMETOOLONG;
            next = -1;
        } else {
            memcpy(name, part, length);
            name[length] = '\0';
            next = openat(at, length ? name : ".", flags);
        }
        int reason = errno;
        close(at);
        errno = reason;
        at = next;
        part = slash ? slash + 1 : NULL;
    }
    return at;
}

/* Always beneath the folder: links, where they are allowed, may not lead out of it either. */
static int open_beneath(int folder, const char *location, bool allow_links)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
                   (allow_links ? 0 : (uint64_t)RESOLVE_NO_SYMLINKS),
    };
    int descriptor = (int)syscall(SYS_openat2, folder, location, &how, sizeof how);
    if (descriptor < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL))
        descriptor = open_by_components(folder, location);
    return descriptor;
}

static int open_location(const ExternalData *data, const char *location)
{
    int folder = open(data->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int descriptor = open_beneath(folder, location, data->allow_links);
    int reason = errno;
    close(folder);
    errno = reason;
    return descriptor;
}

static bool check_status(ExternalData *data, Location location, const char *name,
                         const struct stat *status)
{
    if (!S_ISREG(status->st_mode))
        return error_at(data->diagnostics, location, "external data '%s' is not a regular file",
                        name);
    if (status->st_nlink > 1 && !data->allow_links)
        return error_at(data->diagnostics, location,
                        "external data '%s' has %llu hard links; links are not allowed", name,
                        (unsigned long long)status->st_nlink);
    return true;
}

static MappedFile *map_location(ExternalData *data, Location location, const char *name)
{
    struct stat status;
    OpenFile *open_file = file_guard(data->arena);
    int descriptor = open_file->descriptor = open_location(data, name);
    if (descriptor < 0) {
        if (errno == ELOOP || errno == EXDEV)
            error_at(data->diagnostics, location,
                     "cannot open external data '%s' beneath the model's folder: it is reached "
                     "through a link, or lies outside",
                     name);
        else
            system_error_at(data->diagnostics, location,
                            "cannot open external data '%s' beneath the model's folder", name);
        return NULL;
    }
    MappedFile *file = NULL;
    if (fstat(descriptor, &status) < 0) {
        system_error_at(data->diagnostics, location, "external data '%s'", name);
    } else if (check_status(data, location, name, &status)) {
        file = ARENA_NEW(data->arena, MappedFile);
        file->location = name;
        file->length = (size_t)status.st_size;
        file->data = file_map_descriptor(data->arena, descriptor, file->length, data->copy);
        if (!file->data) {
            system_error_at(data->diagnostics, location, "cannot read external data '%s'", name);
            file = NULL;
        }
    }
    file_close(open_file);
    return file;
}

/* ---- Keys ---------------------------------------------------------------------------------- */

/* A decimal number without sign; false if it is none or does not fit. */
static bool parse_size(TnString text, int64_t *value)
{
    *value = 0;
    for (int64_t i = 0; i < text.length; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, digit, value))
            return false;
    }
    return text.length > 0;
}

typedef struct Place {
    TnString location;
    int64_t offset, length; /* length -1: to the end */
} Place;

static bool read_number(ExternalData *data, Location location, const StringStringEntryProto *entry,
                        int64_t *value)
{
    return parse_size(entry->value, value) ||
           error_at(data->diagnostics, location,
                    "external data: %.*s is '%.*s', expected a number of bytes",
                    (int)entry->key.length, entry->key.data, (int)entry->value.length,
                    entry->value.data);
}

static bool read_place(ExternalData *data, const TensorProto *tensor, Location location,
                       Place *place)
{
    *place = (Place){.length = -1};
    for (int64_t i = 0; i < tensor->external_data.count; i++) {
        const StringStringEntryProto *entry = tensor->external_data.items[i];
        bool ok = true;
        if (proto_equals(entry->key, "location"))
            place->location = entry->value;
        else if (proto_equals(entry->key, "offset"))
            ok = read_number(data, location, entry, &place->offset);
        else if (proto_equals(entry->key, "length"))
            ok = read_number(data, location, entry, &place->length);
        else if (!proto_equals(entry->key, "checksum") && !proto_equals(entry->key, "basepath"))
            diagnose(data->diagnostics, SEVERITY_WARNING, location,
                     "external data: the key '%.*s' is not known and ignored",
                     (int)entry->key.length, entry->key.data);
        if (!ok)
            return false;
    }
    TnString name = place->location;
    if (!name.length || memchr(name.data, 0, (size_t)name.length))
        return error_at(data->diagnostics, location, "external data without a valid location");
    return true;
}

/* Offset and length against the file and the tensor. */
static bool check_place(ExternalData *data, Location location, const Place *place,
                        const MappedFile *file, int64_t bytes)
{
    int64_t size = (int64_t)file->length;
    int64_t length = place->length;
    if (place->offset > size || (length >= 0 && length > size - place->offset))
        return error_at(data->diagnostics, location,
                        "external data: %lld bytes at offset %lld lie beyond the end of '%s', "
                        "which has %lld bytes",
                        (long long)(length < 0 ? bytes : length), (long long)place->offset,
                        file->location, (long long)size);
    if (length < 0)
        length = size - place->offset;
    if (length != bytes && (place->length >= 0 || length < bytes))
        return error_at(data->diagnostics, location,
                        "external data in '%s' has %lld bytes, and the tensor needs %lld",
                        file->location, (long long)length, (long long)bytes);
    return true;
}

/* The bytes come through the host's functions, to which the location is a name like any other. */
static const void *read_by_host(ExternalData *data, Location location, const Place *place,
                                const char *name, int64_t bytes)
{
    const TnReader *reader = data->reader;
    int64_t length = reader->length(reader->user, name);
    MappedFile file = {.location = name, .length = length < 0 ? 0 : (size_t)length};
    if (length < 0) {
        data->diagnostics->no_file = true;
        error_at(data->diagnostics, location, "the host's reader has no '%s'", name);
        return NULL;
    }
    if (!check_place(data, location, place, &file, bytes))
        return NULL;
    char *read = arena_try(data->arena, (size_t)bytes);
    if (!read) {
        no_memory_at(data->diagnostics, location, "%lld bytes of external data '%s'",
                     (long long)bytes, name);
        return NULL;
    }
    if (bytes == 0 || reader->read(reader->user, name, place->offset, read, bytes))
        return read;
    data->diagnostics->no_file = true;
    error_at(data->diagnostics, location,
             "the host's reader cannot read %lld bytes at offset %lld of '%s'", (long long)bytes,
             (long long)place->offset, name);
    return NULL;
}

const void *external_data_find(ExternalData *data, const TensorProto *tensor, Location location,
                               int64_t bytes, const char **name, int64_t *offset)
{
    Place place;
    if (!read_place(data, tensor, location, &place))
        return NULL;
    *name = arena_string(data->arena, place.location.data, (size_t)place.location.length);
    *offset = place.offset;
    if (data->reader)
        return read_by_host(data, location, &place, *name, bytes);
    if (!data->folder) {
        error_at(data->diagnostics, location,
                 "external data '%s': the model does not come from a file, so there is no folder",
                 *name);
        return NULL;
    }
    if (!is_contained(*name)) {
        error_at(data->diagnostics, location,
                 "external data '%s' does not lie beneath the model's folder", *name);
        return NULL;
    }
    MappedFile *file = map_get(&data->files, *name);
    if (!file) {
        file = map_location(data, location, *name);
        if (!file)
            return NULL;
        map_set(&data->files, *name, file);
    }
    *name = file->location;
    return check_place(data, location, &place, file, bytes) ? file->data + place.offset : NULL;
}
