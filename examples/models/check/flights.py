"""Flights of vega-datasets as a table for training."""

import json

import numpy as np


def flights(path):
    """Returns the known facts of each flight before its departure, by column, and its delay as a label."""
    rows = json.load(open(path))
    columns = {
        "origin": np.array([row["origin"] for row in rows], object),
        "destination": np.array([row["destination"] for row in rows], object),
        "distance": np.array([row["distance"] for row in rows], np.float32),
        "hour": np.array([int(row["date"][11:13]) for row in rows], np.float32),
    }
    return columns, np.array(["late" if row["delay"] > 15 else "on time" for row in rows], object)
