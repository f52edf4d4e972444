/* SPDX-License-Identifier: Apache-2.0
 *
 * The image of a program: its tables (runtime/program.h) as constant data for a file.
 *
 * A table of records says what each struct of the runtime consists of: scalars, strings, embedded
 * structs, pointers to arrays of structs with a count beside them. Walking from the TnArtifactInfo
 * along these pointers gives a list of objects, each an array of one record, those that are pointed
 * to before those that point. Whatever is the same bytes is one object.
 *
 * A writer turns the list into a file and knows nothing of programs. There is one today,
 * codegen/llvm/object.c, which makes LLVM constants; one that makes initialisers in C needs the
 * twelve cases of ImageKind, and no more:
 *
 *     for (int64_t i = 0; i < image->objects.count; i++) {
 *         const ImageObject *object = &image->objects.items[i];
 *         for (int64_t k = 0; k < object->count; k++)
 *             write_element(object->record, object->data + k * object->record->size);
 *     }
 *
 * where a field lies at element + field->offset, IMAGE_record recurses, and a pointer field is
 * image_target(image, field, element), an object or NULL. A union's member that the tag does not
 * choose is left out: image_field_is_there().
 *
 * Symbols. Object i is called "object->name" within the file, functions of kernels as
 * phase_symbol() says, functions of the runtime by their C names.
 */
#ifndef CODEGEN_ARTIFACT_IMAGE_H
#define CODEGEN_ARTIFACT_IMAGE_H

#include "codegen/compile.h"
#include "ir/support/array.h"
#include "tenon_model.h"

typedef enum ImageKind {
    IMAGE_bool,
    IMAGE_int32, /* int and enums, too */
    IMAGE_uint32,
    IMAGE_int64, /* uint64_t and size_t, too */
    IMAGE_double,
    IMAGE_float,
    IMAGE_byte,
    IMAGE_record,   /* an embedded struct, or an array of `length` of them */
    IMAGE_pointer,  /* to an array of records; its count is in another field, or 1 */
    IMAGE_string,   /* const char *, terminated; or NULL */
    IMAGE_function, /* of a kernel, of the runtime, or NAME_run: image_function() */
    IMAGE_weights,  /* where the weights begin; NULL if they are in another file */
} ImageKind;

typedef struct ImageRecord ImageRecord;

typedef struct ImageField {
    const char *name; /* in C; NULL: the record is the scalar itself */
    ImageKind kind;
    size_t offset;
    const ImageRecord *record; /* of records and pointers */
    int length;                /* elements of an array within the struct; 0: no array */
    size_t count_offset;       /* pointer: of its count; SIZE_MAX: one */
    bool count_is_64;
    int tag; /* of a union's member: the value of the record's tag that chooses it; -1: no union */
} ImageField;

struct ImageRecord {
    const char *name; /* the type in C */
    size_t size, alignment;
    int field_count;
    const ImageField *fields;
    size_t tag_offset; /* an int that chooses the union's member */
};

/* An array of a record, or (record NULL) the bytes of a string with its terminator. */
typedef struct ImageObject {
    const char *name;
    const ImageRecord *record;
    const char *data;
    int64_t count;
} ImageObject;

typedef struct Image {
    Arena *arena;
    ARRAY(ImageObject) objects;    /* the last one is the TnArtifactInfo */
    ARRAY(const char *) functions; /* of the runtime */
    Map by_content, by_place;      /* -> object number + 1 */
    const char *name;              /* of the model: prefix of what is exported */
} Image;

/* The image of a model and all that it points to. The program must have been lowered, its constants
 * moved to the weights (weights.h). */
Image *image_create(Arena *arena, const TnArtifactInfo *model, const char *name);

/* What a IMAGE_pointer or IMAGE_string of an element points to; NULL: nothing. */
const ImageObject *image_target(const Image *image, const ImageField *field, const char *element);
/* The symbol that a IMAGE_function of an element names; NULL: none. */
const char *image_function(const Image *image, const ImageField *field, const char *element);
/* False for members of a union that is something else. */
bool image_field_is_there(const ImageRecord *record, const ImageField *field, const char *element);
/* Functions of the runtime that the image names, "host_top_k", "model_enter", each once. */
const char *const *image_runtime_functions(const Image *image, int *count);
/* The record of TnArtifactInfo, from which all others are reached. */
const ImageRecord *image_root(void);
/* Changes whenever a program's structs do: hash over the table of records. */
uint64_t image_layout(void);

/* The name of the function that a phase runs; phases that run the same code have the same. */
const char *phase_symbol(const Phase *phase);

#endif
