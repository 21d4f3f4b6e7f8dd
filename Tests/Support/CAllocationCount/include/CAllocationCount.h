#pragma once

// Nothing to call: whoever links this has its allocations counted; see AllocationCount.c.
