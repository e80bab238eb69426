"""The page of a report: its sections in the template, with the runs and what sets them apart on top."""

import os
import re
import time

import dcgan_tf1
from dcgan_tf1.data import recorded
from dcgan_tf1.reporting import markup, sections

TEMPLATES = os.path.join(os.path.dirname(__file__), 'templates')


def render(runs, seed, device):
    """The HTML of a report on RunContents; seed, device: of the samples that are drawn for it."""
    title = 'Report on ' + ', '.join(run.name for run in runs)
    return _read_template('report.html').format(
        title=markup.text(title), style=re.sub(r'\s*\n\s*', '\n', _read_template('report.css')),
        about=''.join(map(about, runs)) + _warnings(runs), version=dcgan_tf1.__version__,
        date=time.strftime('%Y-%m-%d'),
        sections='\n'.join('<section>\n<h2>{}</h2>\n{}\n</section>'.format(markup.text(name), content)
                           for name, content in _sections(runs, seed, device)))


def _read_template(name):
    with open(os.path.join(TEMPLATES, name), encoding='utf-8') as handle:
        return handle.read()


def _sections(runs, seed, device):
    """[(heading, HTML)] in the order of the page."""
    def each(section, *arguments):
        return markup.side_by_side(runs, lambda run: section(run, *arguments))

    return [
        ('Samples', each(sections.samples, seed, device)),
        ('Losses', sections.losses(runs)),
        ('Quality', sections.metrics_table(runs)),
        ('Quality over steps', sections.metrics_over_steps(runs)),
        ('Nearest training images', each(sections.neighbours)),
        ('Interpolations', each(sections.interpolations, seed, device)),
        ('Rows of samples, step by step', each(sections.rows_of_samples)),
        ('Animation', each(sections.animation)),
        ('Speed', sections.speed(runs)),
        ('How to reproduce it', each(sections.commands)),
        ('Differences between the runs' if len(runs) > 1 else 'Configuration', sections.configurations(runs)),
    ]


def about(run):
    """A run in one line: its preset, device, precision and seed."""
    return '<p><strong>{}</strong>: {}, {}, {}, seed {}.</p>'.format(*map(markup.text, (
        run.name, run.preset.heading, run.config.get('device', 'a device that was not recorded'),
        _precision(run.config), run.config['identity'].get('seed'))))


def _precision(config):
    policy = config.get('arithmetic')
    return policy.get('precision', 'float32') if isinstance(policy, dict) else 'float32'


def _warnings(runs):
    """A line for each way in which the runs were trained or measured differently, so that they do not compare."""
    measured = [(run, record) for run in runs for record in run.measured_on]
    lines = [recorded.differences('trained on', [(run.name, run.trained_on) for run in runs]),
             recorded.differences('measured against', [(run.name, record) for run, record in measured])]
    scales = [(run.name, run.evaluation[1]) for run in runs if run.evaluation]
    if len({(metrics['n'], str(metrics['features']['name'])) for _, metrics in scales}) > 1:
        lines.append('These runs were measured in different ways, and their figures do not compare: {}.'.format(
            '; '.join('{}: {:,} images, by the {}'.format(name, metrics['n'], metrics['features']['name'])
                      for name, metrics in scales)))
    for run in runs:
        others = [record for record in run.measured_on if record['checksum'] and run.trained_on['checksum']
                  and record['checksum'] != run.trained_on['checksum']]
        if others:
            lines.append('{} was trained on {}, and measured against {}.'.format(
                run.name, recorded.title(run.trained_on), recorded.title(others[0])))
    return ''.join('<p class="warning">{}</p>'.format(markup.text(line)) for line in lines if line)
