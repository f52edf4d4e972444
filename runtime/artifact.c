/* SPDX-License-Identifier: Apache-2.0
 *
 * Own mapping instead of dlopen(): the file must be checked before anything in it runs, its only
 * relocations are "base plus offset", and it works in static programs, too.
 */
#include "runtime/artifact.h"

#include "runtime/allocator.h"
#include "runtime/cpu.h"
#include "runtime/format.h"
#include "runtime/model.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { HOST_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { HOST_MACHINE = EM_AARCH64 };
#elif defined(__riscv)
enum { HOST_MACHINE = EM_RISCV };
#else
enum { HOST_MACHINE = EM_NONE };
#endif

/* "base plus offset" of each machine. */
static uint32_t relative_relocation(int machine)
{
    switch (machine) {
    case EM_X86_64: return R_X86_64_RELATIVE;
    case EM_AARCH64: return R_AARCH64_RELATIVE;
    case EM_RISCV: return R_RISCV_RELATIVE;
    }
    return UINT32_MAX;
}

struct Artifact {
    char *base; /* of the mapped segments */
    size_t bytes;
    void *weights; /* of a file of their own: mapped, or read into memory; or NULL */
    size_t weight_bytes;
    bool weights_were_read;
    TnAllocator allocator; /* of weights that were read */
    const TnArtifactInfo *model;
    const TnArtifactVariant *variant; /* for this processor */
    Program program;
};

/* What is known of the file while it is looked at. */
typedef struct Loading {
    const char *path;
    const ArtifactOptions *options;
    int file;
    const char *data; /* the whole file, to be read only */
    size_t bytes;
    const Elf64_Ehdr *header;
    const Elf64_Phdr *segments;
    ArtifactNote note;
    size_t note_offset; /* of the checksum in it */
    size_t build_id_offset;
    char *message;
    size_t message_bytes;
} Loading;

static TnStatus refuse(Loading *l, TnStatus status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static TnStatus refuse(Loading *l, TnStatus status, const char *format, ...)
{
    va_list list;
    int length = format_text(l->message, l->message_bytes, "%s: ", l->path);
    if (length < 0 || (size_t)length >= l->message_bytes)
        return status;
    va_start(list, format);
    format_list(l->message + length, l->message_bytes - (size_t)length, format, list);
    va_end(list);
    return status;
}

/* ---- Looking ----------------------------------------------------------------------------- */

static bool in_file(const Loading *l, uint64_t offset, uint64_t bytes)
{
    return offset <= l->bytes && bytes <= l->bytes - offset;
}

static TnStatus map_file(Loading *l)
{
    struct stat info;
    l->file = open(l->path, O_RDONLY | O_CLOEXEC);
    if (l->file < 0 || fstat(l->file, &info))
        return refuse(l, TN_IO, "%s", strerror(errno));
    if (!S_ISREG(info.st_mode) || info.st_size < (off_t)sizeof(Elf64_Ehdr))
        return refuse(l, TN_INVALID_MODEL, "this is no compiled model");
    void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, l->file, 0);
    if (data == MAP_FAILED)
        return refuse(l, TN_IO, "it cannot be mapped: %s", strerror(errno));
    l->data = data;
    l->bytes = (size_t)info.st_size;
    return TN_OK;
}

static TnStatus check_header(Loading *l)
{
    const Elf64_Ehdr *h = l->header = (const Elf64_Ehdr *)(const void *)l->data;
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 ||
        h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_type != ET_DYN)
        return refuse(l, TN_INVALID_MODEL, "this is no shared library");
    if (h->e_machine != HOST_MACHINE && !l->options->to_look)
        return refuse(l, TN_UNSUPPORTED, "it was compiled for another architecture (%d)",
                      (int)h->e_machine);
    if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phoff % 8 ||
        !in_file(l, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr)))
        return refuse(l, TN_INVALID_MODEL, "its program headers are damaged");
    l->segments = (const Elf64_Phdr *)(const void *)(l->data + h->e_phoff);
    return TN_OK;
}

/* The note of Tenon's, and where the build id's bytes are, among the notes of a segment. */
static bool look_for_note(Loading *l, uint64_t begin, uint64_t bytes)
{
    uint64_t at = begin, end = begin + bytes;
    bool found = false;
    while (end - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        memcpy(&note, l->data + at, sizeof note);
        uint64_t name = at + sizeof note, content = name + ((uint64_t)note.n_namesz + 3) / 4 * 4;
        uint64_t next = content + ((uint64_t)note.n_descsz + 3) / 4 * 4;
        if (content < name || next < content || next > end)
            return false;
        if (note.n_namesz == 6 && !memcmp(l->data + name, "Tenon", 6) &&
            note.n_type == ARTIFACT_NOTE_TYPE && note.n_descsz == sizeof l->note) {
            memcpy(&l->note, l->data + content, sizeof l->note);
            l->note_offset = content;
            found = true;
        } else if (note.n_namesz == 4 && !memcmp(l->data + name, "GNU", 4) &&
                   note.n_type == NT_GNU_BUILD_ID && note.n_descsz == CHECKSUM_BYTES) {
            l->build_id_offset = content;
        }
        at = next;
    }
    return found;
}

static TnStatus find_note(Loading *l)
{
    for (int i = 0; i < l->header->e_phnum; i++) {
        const Elf64_Phdr *p = &l->segments[i];
        if (p->p_type == PT_NOTE && in_file(l, p->p_offset, p->p_filesz) &&
            look_for_note(l, p->p_offset, p->p_filesz))
            return TN_OK;
    }
    return refuse(l, TN_INVALID_MODEL, "this is no model compiled by Tenon");
}

static TnStatus check_sum(Loading *l)
{
    unsigned char sum[CHECKSUM_BYTES];
    if (l->note.file_bytes != l->bytes || l->note.weights_offset > l->bytes)
        return refuse(l, TN_INVALID_MODEL, "it is damaged: %zu bytes, not %llu", l->bytes,
                      (unsigned long long)l->note.file_bytes);
    artifact_checksum(l->data, (size_t)l->note.weights_offset, l->build_id_offset, l->note_offset,
                      sum);
    if (memcmp(sum, l->note.checksum, sizeof sum) != 0)
        return refuse(l, TN_INVALID_MODEL, "it is damaged: the checksum differs");
    if (l->note.abi != TN_ARTIFACT_ABI)
        return refuse(l, TN_UNSUPPORTED, "it has version %llu of the ABI of models, not %d",
                      (unsigned long long)l->note.abi, (int)TN_ARTIFACT_ABI);
    return TN_OK;
}

void artifact_checksum(const char *data, size_t bytes, size_t build_id, size_t note,
                       unsigned char sum[CHECKSUM_BYTES])
{
    static const unsigned char zeroes[CHECKSUM_BYTES];
    size_t first = build_id < note ? build_id : note, second = build_id < note ? note : build_id;
    Checksum checksum;
    checksum_begin(&checksum);
    checksum_add(&checksum, data, first);
    checksum_add(&checksum, zeroes, sizeof zeroes);
    checksum_add(&checksum, data + first + CHECKSUM_BYTES, second - first - CHECKSUM_BYTES);
    checksum_add(&checksum, zeroes, sizeof zeroes);
    checksum_add(&checksum, data + second + CHECKSUM_BYTES, bytes - second - CHECKSUM_BYTES);
    checksum_end(&checksum, sum);
}

void artifact_weights_checksum(const void *data, size_t bytes, unsigned char sum[CHECKSUM_BYTES])
{
    Checksum checksum;
    checksum_begin(&checksum);
    checksum_add(&checksum, data, bytes);
    checksum_end(&checksum, sum);
}

static TnStatus check_weights(Loading *l, const char *path, const void *data, size_t bytes)
{
    unsigned char sum[CHECKSUM_BYTES];
    if (l->options->trusts_weights)
        return TN_OK;
    artifact_weights_checksum(data, bytes, sum);
    if (memcmp(sum, l->note.weights, sizeof sum) != 0)
        return refuse(l, TN_INVALID_MODEL, "its weights%s%s are damaged, or those of another model",
                      path ? ", " : "", path ? path : "");
    return TN_OK;
}

/* ---- Mapping ----------------------------------------------------------------------------- */

static int protection(const Loading *l, uint32_t flags)
{
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
           (flags & PF_X && !l->options->to_look ? PROT_EXEC : 0);
}

static TnStatus map_segments(Loading *l, Artifact *a)
{
    uint64_t end = 0, page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < l->header->e_phnum; i++)
        if (l->segments[i].p_type == PT_LOAD) {
            const Elf64_Phdr *p = &l->segments[i];
            if (!in_file(l, p->p_offset, p->p_filesz) || p->p_filesz != p->p_memsz ||
                p->p_vaddr % page || p->p_offset % page || p->p_vaddr < end)
                return refuse(l, TN_UNSUPPORTED, "its segments do not fit pages of %llu bytes",
                              (unsigned long long)page);
            end = (p->p_vaddr + p->p_memsz + page - 1) / page * page;
        }
    a->bytes = (size_t)end;
    void *base =
        mmap(NULL, a->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return refuse(l, TN_OUT_OF_MEMORY, "no room to map it");
    a->base = base;
    for (int i = 0; i < l->header->e_phnum; i++) {
        const Elf64_Phdr *p = &l->segments[i];
        if (p->p_type == PT_LOAD &&
            mmap(a->base + p->p_vaddr, (size_t)p->p_filesz, protection(l, p->p_flags),
                 MAP_PRIVATE | MAP_FIXED, l->file, (off_t)p->p_offset) == MAP_FAILED)
            return refuse(l, TN_IO, "it cannot be mapped: %s", strerror(errno));
    }
    return TN_OK;
}

/* Adds the base where the dynamic section says so. */
static TnStatus relocate(Loading *l, Artifact *a)
{
    const Elf64_Rela *table = NULL;
    uint64_t bytes = 0;
    for (int i = 0; i < l->header->e_phnum; i++) {
        const Elf64_Phdr *p = &l->segments[i];
        const Elf64_Dyn *d = (const Elf64_Dyn *)(const void *)(a->base + p->p_vaddr);
        for (uint64_t k = 0; p->p_type == PT_DYNAMIC && k < p->p_memsz / sizeof *d; k++) {
            if (d[k].d_tag == DT_RELA)
                table = (const Elf64_Rela *)(const void *)(a->base + d[k].d_un.d_ptr);
            else if (d[k].d_tag == DT_RELASZ)
                bytes = d[k].d_un.d_val;
        }
    }
    for (uint64_t i = 0; table && i < bytes / sizeof *table; i++) {
        if (ELF64_R_TYPE(table[i].r_info) != relative_relocation(l->header->e_machine) ||
            table[i].r_offset > a->bytes - 8)
            return refuse(l, TN_INVALID_MODEL, "it has relocations that a model has not");
        uint64_t value = (uint64_t)(uintptr_t)a->base + (uint64_t)table[i].r_addend;
        memcpy(a->base + table[i].r_offset, &value, sizeof value);
    }
    return TN_OK;
}

/* Takes the right to write away. */
static void protect(const Loading *l, Artifact *a)
{
    for (int i = 0; i < l->header->e_phnum; i++)
        if (l->segments[i].p_type == PT_LOAD && l->segments[i].p_flags & PF_W)
            mprotect(a->base + l->segments[i].p_vaddr, (size_t)l->segments[i].p_memsz, PROT_READ);
}

/* ---- The model --------------------------------------------------------------------------- */

static TnStatus check_model(Loading *l, Artifact *a)
{
    if (l->note.model > a->bytes - sizeof(TnArtifactInfo))
        return refuse(l, TN_INVALID_MODEL, "it is damaged: there is no model in it");
    const TnArtifactInfo *model = (const TnArtifactInfo *)(const void *)(a->base + l->note.model);
    if (memcmp(model->magic, "TNMODEL", 8) != 0 || model->abi != TN_ARTIFACT_ABI)
        return refuse(l, TN_INVALID_MODEL, "it is damaged: there is no model in it");
    if (model->layout != l->options->layout)
        return refuse(
            l, TN_UNSUPPORTED,
            "its tables are those of another version (%s): it runs by its own header, and "
            "must be compiled again for this library",
            model->generator);
    uint64_t missing;
    a->variant = model_variant(model, &missing);
    if (!a->variant && l->options->to_look && model->variant_count)
        a->variant = &model->variants[model->variant_count - 1];
    if (!a->variant)
        return refuse(l, TN_UNSUPPORTED, "the processor lacks %s, which it was compiled for",
                      cpu_feature_name(missing & -missing));
    a->model = model;
    return TN_OK;
}

/* The folder of the model's path and the name. */
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash + 1 - path) : 0, length = strlen(name);
    char *joined = malloc(folder + length + 1);
    if (joined) {
        memcpy(joined, path, folder);
        memcpy(joined + folder, name, length + 1);
    }
    return joined;
}

static TnStatus wrong_size(Loading *l, const Artifact *a, const char *path, int64_t bytes)
{
    return refuse(l, TN_INVALID_MODEL, "its weights, %s, have %lld bytes, not %lld", path,
                  (long long)bytes, (long long)a->model->weight_bytes);
}

static TnStatus map_weights(Loading *l, Artifact *a, const char *path)
{
    struct stat info;
    TnStatus status = TN_OK;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &info)) {
        status = refuse(l, TN_IO, "its weights, %s: %s", path, strerror(errno));
    } else if (info.st_size != a->model->weight_bytes) {
        status = wrong_size(l, a, path, info.st_size);
    } else {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (data == MAP_FAILED)
            status = refuse(l, TN_IO, "its weights cannot be mapped: %s", strerror(errno));
        else
            a->weights = data;
    }
    if (file >= 0)
        close(file);
    return status;
}

static TnStatus read_weights(Loading *l, Artifact *a, const char *path)
{
    const TnReader *reader = &l->options->reader;
    int64_t bytes = reader->length(reader->user, path);
    if (bytes < 0)
        return refuse(l, TN_IO, "its weights, %s: the host has no such file", path);
    if (bytes != a->model->weight_bytes)
        return wrong_size(l, a, path, bytes);
    a->allocator = l->options->allocator;
    a->weights_were_read = true;
    a->weights = allocator_take(&a->allocator, (size_t)bytes, 64);
    if (!a->weights)
        return refuse(l, TN_OUT_OF_MEMORY, "no memory for its weights of %lld bytes",
                      (long long)bytes);
    if (!reader->read(reader->user, path, 0, a->weights, bytes))
        return refuse(l, TN_IO, "its weights, %s: the host cannot read them", path);
    return TN_OK;
}

static TnStatus open_weights(Loading *l, Artifact *a)
{
    if (a->model->has_weights)
        return check_weights(l, NULL, l->data + l->note.weights_offset,
                             l->bytes - (size_t)l->note.weights_offset);
    const ArtifactOptions *options = l->options;
    char *found = options->weights ? NULL : beside(l->path, a->model->weights_file);
    const char *path = options->weights ? options->weights : found;
    if (!path)
        return refuse(l, TN_OUT_OF_MEMORY, "out of memory");
    a->weight_bytes = (size_t)a->model->weight_bytes;
    TnStatus status = options->reader.read ? read_weights(l, a, path) : map_weights(l, a, path);
    if (status == TN_OK)
        status = check_weights(l, path, a->weights, a->weight_bytes);
    free(found);
    return status;
}

/* ---- Operators of the host --------------------------------------------------------------- */

static TnStatus bind_block(Loading *l, const Block *block)
{
    TnStatus status = TN_OK;
    for (int64_t i = 0; status == TN_OK && i < block->step_count; i++) {
        Step *step = &block->steps[i];
        const ArtifactOptions *options = l->options;
        const char *reason = "it is an operator of the host's, and none of that name is given";
        if (step->kind == STEP_if) {
            status = bind_block(l, step->branch.branches[0]);
            if (status == TN_OK)
                status = bind_block(l, step->branch.branches[1]);
        } else if (step->kind == STEP_loop) {
            status = bind_block(l, step->loop.body);
        } else if (step->kind == STEP_host && step->host.operator_name &&
                   (!options->bind || !options->bind(options->bind_user, &step->host, &reason))) {
            status = refuse(l, TN_UNSUPPORTED, "%s: %s", step->host.operator_name, reason);
        }
    }
    return status;
}

static TnStatus bind_program(Loading *l, const Program *program)
{
    TnStatus status = bind_block(l, &program->entry);
    return status == TN_OK ? bind_block(l, &program->main) : status;
}

static TnStatus bind_operators(Loading *l, const Artifact *a)
{
    const Program *program = a->variant->program;
    TnStatus status = bind_program(l, program);
    for (int32_t i = 0; status == TN_OK && i < program->special_count; i++)
        status = bind_program(l, program->specials[i].program);
    return status;
}

/* ---- Loading ----------------------------------------------------------------------------- */

static void destroy_program(Program *program)
{
    artifact_destroy(program->owner);
}

static TnStatus load(Loading *l, Artifact *a)
{
    TnStatus status = map_file(l);
    if (status == TN_OK)
        status = check_header(l);
    if (status == TN_OK)
        status = find_note(l);
    if (status == TN_OK)
        status = check_sum(l);
    if (status == TN_OK)
        status = map_segments(l, a);
    if (status == TN_OK)
        status = relocate(l, a);
    if (status == TN_OK)
        status = check_model(l, a);
    if (status == TN_OK && (a->model->has_weights || !l->options->to_look))
        status = open_weights(l, a);
    if (status == TN_OK && !l->options->to_look)
        status = bind_operators(l, a);
    if (status != TN_OK)
        return status;
    protect(l, a);
    a->program = *(const Program *)a->variant->program;
    a->program.owner = a;
    a->program.destroy = destroy_program;
    if (a->weights)
        a->program.weights = a->weights;
    return TN_OK;
}

TnStatus artifact_load(const char *path, const ArtifactOptions *options, Artifact **artifact,
                       char *message, size_t message_bytes)
{
    Loading l = {.path = path,
                 .options = options,
                 .file = -1,
                 .message = message,
                 .message_bytes = message_bytes};
    Artifact *a = calloc(1, sizeof *a);
    *artifact = NULL;
    TnStatus status = a ? load(&l, a) : refuse(&l, TN_OUT_OF_MEMORY, "out of memory");
    if (l.data)
        munmap((void *)(uintptr_t)l.data, l.bytes);
    if (l.file >= 0)
        close(l.file);
    if (status == TN_OK)
        *artifact = a;
    else
        artifact_destroy(a);
    return status;
}

bool artifact_is_one(const char *path)
{
    char begin[SELFMAG];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool is_one = file >= 0 && read(file, begin, sizeof begin) == (ssize_t)sizeof begin &&
                  !memcmp(begin, ELFMAG, SELFMAG);
    if (file >= 0)
        close(file);
    return is_one;
}

const TnArtifactVariant *artifact_variant(const Artifact *artifact)
{
    return artifact->variant;
}

const TnArtifactInfo *artifact_model(const Artifact *artifact)
{
    return artifact->model;
}

Program *artifact_program(Artifact *artifact)
{
    return &artifact->program;
}

void artifact_destroy(Artifact *artifact)
{
    if (!artifact)
        return;
    if (artifact->base)
        munmap(artifact->base, artifact->bytes);
    if (artifact->weights_were_read)
        allocator_release(&artifact->allocator, artifact->weights, artifact->weight_bytes);
    else if (artifact->weights)
        munmap(artifact->weights, artifact->weight_bytes);
    free(artifact);
}
