# The parts of the native hot path: functions that the C compiler sees as one (dnsd/hotpath/_native.pyx).
