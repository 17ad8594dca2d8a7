#include "quant/iq_grids.h"

namespace galago::quant {

#include "quant/iq_grids.inc"

}  // namespace galago::quant
