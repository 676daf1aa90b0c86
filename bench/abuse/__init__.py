"""Attacks on real servers, one by one: what honest clients lose, what strangers are sent."""
