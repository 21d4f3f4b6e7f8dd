#pragma once

// Linux calls that Swift's Glibc module does not show, under names of our own.
// Every function that can fail returns a negative errno; an interrupted call is repeated inside.

#include "CLinuxEvents.h"
#include "CLinuxExecutor.h"
#include "CLinuxFiles.h"
#include "CLinuxIdentity.h"
#include "CLinuxNames.h"
#include "CLinuxProcesses.h"
#include "CLinuxSockets.h"
