/* SPDX-License-Identifier: Apache-2.0
 *
 * What the commands share: a model on its way from a file to a program, with the driver's options.
 *
 *     int command_run(const Options *options)
 *     {
 *         return session_run(options, 1, run);
 *     }
 *
 * Steps answer false after printing the diagnostics; session->status is then the exit status.
 */
#ifndef TOOLS_SESSION_H
#define TOOLS_SESSION_H

#include "codegen/artifact/artifact.h"
#include "codegen/tuning.h"
#include "frontend/load.h"
#include "options.h"
#include "passes/run.h"
#include "runtime/artifact.h"
#include "runtime/run.h"
#include "tensor_data.h"

typedef struct Session {
    Boundary boundary;
    Arena *arena, *scratch;
    const Options *options;
    Diagnostics *diagnostics;
    int64_t shown; /* diagnostics printed so far */
    bool quiet;    /* leaves diagnostics to the caller */
    bool replays;  /* all is run once more, for session_reproduce() */
    int status;
    const char *path;
    Document *document;
    const ConstantSetting *constants; /* inputs whose values the model is compiled for */
    int constant_count;
    bool is_again;           /* the same model once more, for another part of an artifact */
    const DimSetting *sizes; /* beside --dim */
    int size_count;
    const char *prefix; /* passes to run before the pipeline; or NULL */
    Model *model;
    RunReport report;
    ImportNeeds needs;              /* inputs that must be constants, after a step that failed */
    const ArtifactRequest *request; /* compile to files; NULL: to run here */
    Artifact *artifact;             /* the program comes out of it; or NULL */
    void *library;                  /* or out of this one, by dlopen(); or NULL */
    Program *program;
    Tuning *tuning;           /* which tiles to take, of tenon tune; or NULL */
    TuningScope tuning_scope; /* of the model, where there is a tuning */
    ThreadPool *pool;
    int64_t load_ns, passes_ns, compile_ns;
} Session;

/* Opens a session, runs a command in it and closes it: the exit status. Another count of file names
 * than `files` is wrong usage. */
int session_run(const Options *options, int files, bool (*command)(Session *session));

/* The parts, for who runs several: after session_open() succeeded, setjmp(session->boundary.jump)
 * receives the failure of small allocations. */
bool session_open(Session *session, const Options *options);
void session_close(Session *session);
int session_no_memory(void);

/* File -> document -> model -> passes -> program. */
bool session_read(Session *session, const char *path);
bool session_import(Session *session);
bool session_optimize(Session *session, const char *pipeline);
/* --max NAME=N: the symbol that only running tells is at most N; a run that exceeds it fails. */
bool session_limit(Session *session);
bool session_compile(Session *session);
/* The last step as files, instead of a program. */
bool session_compile_to(Session *session, const ArtifactRequest *request);
/* A program out of a compiled model, instead of all these steps. */
bool session_load(Session *session, const char *path);
/* What an input is given, NULL if nothing. */
typedef const TnValue *InputFinder(Session *session, const char *name, const void *user);
/* From a document to a program. Inputs that the model's structure hangs from are bound to what they
 * are given, as far as they are tensors. */
bool session_build_with(Session *session, InputFinder *find, const void *user);
/* All of it, by the options, with the inputs that -i gives; or only loading, where the file is a
 * compiled model. */
bool session_build(Session *session, const char *path);
/* --dynamic: all sizes become symbols before anything else. */
void session_set_dynamic(Session *session);
/* After a step that failed by a bug of ours, unless the session is quiet: writes repro.onnxtxt, a
 * golden test that fails alike, and says so. */
void session_reproduce(Session *session, const char *pipeline);
/* The pipeline that the options ask for. */
const char *session_pipeline(const Session *session);
Parallel session_parallel(Session *session);

/* Prints what is new among the diagnostics. */
void session_report(Session *session);
/* Says what is wrong and sets the exit status for it. */
bool session_fail(Session *session, TnStatus status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int64_t now_ns(void);
/* Progress, on a terminal only, when something takes long; NULL clears the line. */
void show_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void clear_progress(void);

#endif
