/* SPDX-License-Identifier: Apache-2.0
 *
 * ELF, as far as compiled models need it: reading the relocatable object that LLVM made, adding
 * what it needs of the runtime, and laying it out as a shared library. No linker takes part.
 *
 * What makes this small: there is one object, nothing in it is undefined, nothing is writable but
 * what relocation writes, and only two symbols are seen from outside. The shared library is
 *
 *   headers, notes, dynamic symbols, hash tables, relocations, constants     read
 *   code                                                                     read, execute
 *   tables with pointers, dynamic section                                    read (written by the
 *                                                                            loader, then closed)
 *   section headers, symbols for debuggers                                   not loaded
 *   weights, to the end of the file                                          read
 *
 * where addresses are offsets in the file.
 */
#ifndef CODEGEN_ARTIFACT_ELF_H
#define CODEGEN_ARTIFACT_ELF_H

#include "ir/support/array.h"
#include "ir/support/diagnostic.h"

#include <elf.h>

/* A relocatable object in memory, checked. */
typedef struct ElfObject {
    const char *data;
    size_t bytes;
    const Elf64_Ehdr *header;
    const Elf64_Shdr *sections;
    const char *section_names;
    int section_count;
    const Elf64_Sym *symbols;
    int64_t symbol_count;
    const char *symbol_names;
    int symbol_section, weights; /* numbers of sections; 0: none */
} ElfObject;

/* False, and a diagnostic, if it is none. The bytes stay where they are, at a multiple of 8. */
bool elf_read(ElfObject *object, const char *data, size_t bytes, Diagnostics *diagnostics);
const char *elf_section_name(const ElfObject *object, int section);

/* False, and a diagnostic, if it is nothing that can be written: it refers to something outside, or
 * has data that code may write. */
bool elf_check(const ElfObject *object, Diagnostics *diagnostics);

/* ---- Linking ----------------------------------------------------------------------------- */

/* The object with what it refers to, from the library, which has a section for each function; in
 * the arena, checked. False and a diagnostic if that is not all it needs. */
bool elf_link(Arena *arena, const ElfObject *object, const ElfObject *library, ElfObject *linked,
              Diagnostics *diagnostics);

/* ---- Objects with weights ---------------------------------------------------------------- */

/* Bytes of the object with its weights, and where they begin. */
size_t elf_object_bytes(const ElfObject *object, size_t weight_bytes, size_t *weights_offset);
/* Writes it, but for the weights. */
void elf_object_write(const ElfObject *object, size_t weight_bytes, char *memory);

/* ---- Shared libraries -------------------------------------------------------------------- */

typedef struct ElfShared ElfShared;

/* Lays a shared library out. soname: the file's own name. model: the symbol of the TnArtifactInfo.
 * NULL and a diagnostic on failure. */
ElfShared *elf_shared_plan(Arena *arena, const ElfObject *object, const char *soname,
                           const char *model, size_t weight_bytes, Diagnostics *diagnostics);
size_t elf_shared_bytes(const ElfShared *shared, size_t *weights_offset);
/* Writes all but the weights to zeroed memory. weights_sum: their checksum, CHECKSUM_BYTES. */
bool elf_shared_write(const ElfShared *shared, const unsigned char *weights_sum, char *memory,
                      Diagnostics *diagnostics);

/* ---- Archives ---------------------------------------------------------------------------- */

/* Bytes of an archive with one member of so many bytes, and where that begins; 0: the member is
 * larger than the ten digits that an archive has for it can say. */
size_t archive_bytes(const ElfObject *object, size_t member_bytes, size_t *member_offset);
/* Writes all but the member: headers and the index of the symbols that it defines. */
void archive_write(const ElfObject *object, const char *member_name, size_t member_bytes,
                   char *memory);

#endif
