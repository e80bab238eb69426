"""Labels that lie in files beside pictures: metadata.csv, metadata.jsonl and dataset.json, in folders and archives."""

import json
import os

import pytest
from helpers.own_pictures import SHAPE, grey, load, zipped

from dcgan_tf1.data import label_files, loading
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.usefixtures('elsewhere')


@pytest.mark.parametrize('packed', [False, True])
def test_labels_in_files(packed):
    def found(**how):
        return load(zipped('mine', 'some/folder/') if packed else 'mine', **how)

    for name, value in (('b.png', 2), ('a.png', 1), ('in/c.png', 3)):
        grey('mine/' + name, value)
    with open('mine/metadata.csv', 'w') as handle:
        handle.write('file_name,label,text\nin/c.png,dog,"one, two"\nb.png,cat,x\n')
    values, labels, classes, lines = found()
    assert (values, labels, classes) == ([2, 3], [0, 1], ('cat', 'dog')) and '1 of 3 files left out: a.png' in lines[0]
    assert found(label_column='text')[1:3] == ([1, 0], ('one, two', 'x'))
    with pytest.raises(UserError, match=r"metadata.csv: expected the column 'race' \(--label_column\), found file"):
        found(label_column='race')
    os.remove('mine/metadata.csv')
    with open('mine/metadata.jsonl', 'w', encoding='utf-8', newline='') as handle:
        handle.write('{"file_name": "a.png", "label": 3, "text": "\u2028\x85"}\r\n\n'
                     '{"file_name": "in/c.png", "label": 0}\n')
    assert found()[:3] == ([1, 3], [3, 0], ('0', '1', '2', '3'))
    with open('mine/metadata.jsonl', 'a') as handle:
        handle.write('{"file_name": "gone.png", "label": 0}\n')
    with pytest.raises(UserError, match='metadata.jsonl: expected the pictures that it names, found no gone.png'):
        found()
    values, _, _, lines = found(skip_damaged=True)
    assert values == [1, 3] and '1 of the 3 pictures that metadata.jsonl names are not there' in lines[0]
    for how, message in (({'recursive': True}, '--recursive: expected no metadata.jsonl in mine'),
                         ({'label_column': 'name'}, "metadata.jsonl: expected the column 'name'")):
        with pytest.raises(UserError, match=message):
            found(skip_damaged=True, **how)
    for labels, expected in (([['a.png', 6], ['b.png', 0], ['in/c.png', 6]], [6, 0, 6]),
                             ([['a.png', [0, 1]], ['b.png', [1, 0]], ['in/c.png', [1, 0]]], [1, 0, 0]), (None, None)):
        with open('mine/dataset.json', 'w') as handle:
            json.dump({'labels': labels}, handle)
        values, taken, _, lines = found()
        assert (values, taken) == ([1, 2, 3], expected)
        assert 'metadata.jsonl not read, for dataset.json comes first' in lines[0]
    for how in ({'recursive': True}, {'label_column': 'label'}):
        with pytest.raises(UserError, match='--{}: expected no dataset.json in mine'.format(*how)):
            found(**how)


def test_several_rows_for_a_picture_are_a_row_for_each_caption():
    for name, value in (('a.png', 1), ('b.png', 2)):
        grey('mine/' + name, value)
    with open('mine/metadata.csv', 'w') as handle:
        handle.write('file_name,text,label\na.png,one,3\nb.png,two,0\na.png,more,3\n')
    assert load()[:2] == ([1, 2], [3, 0])
    with open('mine/metadata.csv', 'a') as handle:
        handle.write('b.png,other,1\n')
    with pytest.raises(UserError, match="expected one label for each file_name, found '0' and '1' for b.png"):
        load()
    assert load(labels=False)[:2] == ([1, 2], None)
    os.remove('mine/metadata.csv')
    with open('mine/metadata.jsonl', 'w') as handle:
        handle.write('{"file_name": "a.png", "label": 1}\n{"file_name": "b.png", "label": "x"}\n')
    with pytest.raises(UserError, match="expected names or integers from 0 to 999 as labels, found 'x' beside 1"):
        load()


@pytest.mark.parametrize('column', ['filename', 'FileName', 'File_Name'])
def test_other_names_of_the_column_of_names(column):
    for name, value in (('a.png', 1), ('b.png', 2)):
        grey('mine/' + name, value)
    with open('mine/metadata.csv', 'w') as handle:
        handle.write('{};label\na.png;y\nb.png;x\n'.format(column))
    assert load()[:3] == ([1, 2], [1, 0], ('x', 'y'))
    os.remove('mine/metadata.csv')
    with open('mine/metadata.jsonl', 'w') as handle:
        handle.write('{"%s": "a.png", "label": NaN}\n{"%s": "b.png", "label": 1}\n' % (column, column))
    with pytest.raises(UserError, match='expected names or integers from 0 to 999 as labels, found nan beside 1'):
        load()
    with open('mine/metadata.jsonl', 'w') as handle:
        handle.write('{"%s": "a.png", "label": 1.0}\n{"%s": "b.png", "label": 0.0}\n' % (column, column))
    assert load()[1:3] == ([1, 0], ('0', '1'))
    os.rename('mine/metadata.jsonl', 'mine/labels.csv')
    with pytest.raises(UserError, match='--label_column: expected a metadata.csv or .* in mine, found labels.csv$'):
        load(label_column='label')


def test_a_column_of_other_files_names_is_none_of_ours():
    for name in ('cat/a.png', 'dog/b.png'):
        grey('mine/' + name, 1)
    with open('mine/metadata.csv', 'w') as handle:
        handle.write('filename,author\na,me\nb,you\n')
    _, labels, classes, lines = load()
    assert (labels, classes) == ([0, 1], ('cat', 'dog'))
    assert lines[0] == 'mine: metadata.csv not read, for its column filename has no names of files'
    with open('mine/metadata.csv', 'w') as handle:
        handle.write('filename,label\na.png,x\nb.png,y\n')  # but not there
    with pytest.raises(UserError, match='metadata.csv: expected the pictures that it names, found no a.png, b.png'):
        load()


def test_the_column_that_is_called_label_comes_before_one_in_capitals():
    grey('mine/a.png', 1)
    with open('mine/metadata.csv', 'w') as handle:
        handle.write('file_name,Label,label\na.png,wrong,right\n')
    assert load()[:3] == ([1], [0], ('right',))
    with open('mine/metadata.csv', 'w') as handle:
        handle.write('file_name,Label\na.png,right\n')
    assert load()[:3] == ([1], [0], ('right',))


def test_stylegans_labels_in_the_one_folder_of_all_pictures():
    for name, value in (('x/a.png', 1), ('x/in/b.png', 2)):
        grey('mine/' + name, value)
    with open('mine/x/dataset.json', 'w') as handle:
        json.dump({'labels': [['a.png', 3], ['in/b.png', 1]]}, handle)
    assert load('mine')[:2] == ([1, 2], [3, 1])
    grey('mine/y/c.png', 3)  # not among those that it is for
    values, labels, classes, lines = load('mine')
    assert (values, labels, classes) == ([1, 3], [0, 1], ('x', 'y'))
    assert any('x/dataset.json not read, for other pictures lie outside that folder' in line for line in lines)


def test_tables_in_sub_folders():
    for name, value in (('train/in/a.png', 1), ('train/b.png', 2)):
        grey('mine/' + name, value)
    with open('mine/train/metadata.csv', 'w') as handle:
        handle.write('file_name,label\nb.png,dog\nin/a.png,cat\n')
    open('mine/train/in/metadata.csv', 'w').close()
    assert load()[:3] == ([2, 1], [1, 0], ('cat', 'dog')) == load(zipped('mine', 'x/'))[:3]
    with pytest.raises(UserError, match='--recursive: expected no train/metadata.csv in mine'):
        load(recursive=True)
    grey('mine/other/c.png', 3)
    values, labels, classes, lines = load()
    assert (values, labels, classes) == ([3, 2], [0, 1], ('other', 'train'))
    assert lines[0] == ('mine: train/in/metadata.csv, train/metadata.csv not read, for other pictures lie outside '
                        'each of these folders; --data_dir may name one')
    found = loading.load('folder', data_dir='mine', shape=SHAPE, log=lambda line: None)
    assert ['mine: ' + line for line in found.notes] == lines  # config.json has them all
    with pytest.raises(UserError, match='--label_column: expected a .* or in a folder of all its .*, found train'):
        load(label_column='label')


@pytest.mark.parametrize('packed', [False, True])
def test_of_a_data_set_in_parts_the_pictures_for_training_are_taken(packed):
    def found(**how):
        return load(zipped('mine', 'some/folder/') if packed else 'mine', **how)

    for name, value in (('train/cat/a.png', 1), ('train/dog/b.png', 22), ('val/cat/c.png', 3), ('Test/dog/d.png', 4)):
        grey('mine/' + name, value)
    values, labels, classes, lines = found()
    assert (values, labels, classes) == ([1, 22], [0, 1], ('cat', 'dog'))
    assert lines[0].endswith(': train/ taken, the pictures for training; left out: Test/, val/')
    assert lines[1:] == [lines[0].split(':')[0] + ': 2 classes by sub-folders: cat 1, dog 1']
    assert found(recursive=True)[:3] == ([4, 1, 22, 3], [0, 1, 1, 2], ('Test', 'train', 'val'))
    with open('mine/train/metadata.csv', 'w') as handle:
        handle.write('file_name,label\ncat/a.png,tiger\n')
    assert found()[:3] == ([1], [0], ('tiger',))
    os.remove('mine/train/metadata.csv')
    grey('mine/birds/e.png', 5)  # no part, so these are classes
    assert found()[:3] == ([5], [0], ('birds',))


@pytest.mark.parametrize('content', [
    'file_name,label\r\nin\\a.png,cat\r\n', '\ufefffile_name;label\nin/a.png;cat\n',
    'file_name,label,\nin/a.png,cat,\n,,\n , ,\n', '"label"\t"file_name"\ncat\tin/a.png\n',
    'file_name,label\nin/\u00e9.png,cat\n', 'file_name\tlabel\r\nIn/A.PNG\tcat\r\n',
    'file_name,label\n{}/in/a.png,cat\n'])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16'])
def test_tables_as_spreadsheets_and_windows_write_them(content, encoding):
    grey('mine/in/{}.png'.format('e\u0301' if '\u00e9' in content else 'a'), 1)
    grey('mine/in/b.png', 2)
    with open('mine/metadata.csv', 'w', encoding=encoding, newline='') as handle:
        handle.write(content.lstrip('\ufeff' * (encoding == 'utf-16')).replace('{}', os.path.abspath('mine')))
    assert load()[:3] == ([1], [0], ('cat',))


@pytest.mark.parametrize('name, content, message', [
    ('dataset.json', '{', 'JSON, found'),
    ('dataset.json', '{"labels": [["a.png"]]}', 'pairs of a file name and a label'),
    ('dataset.json', '{"labels": [["a.png", 1], ["b.png", 1]]}', 'the pictures that it names, found no b.png'),
    ('dataset.json', '{"labels": [["a.png", 1], ["./a.png", 2]]}', 'each file once, found a.png again'),
    ('dataset.json', '{"labels": [["b.png", 1]]}', 'a label for each of 1 pictures, found none for a.png'),
    ('dataset.json', '{"labels": [["a.png", 0.5]]}', 'integers from 0 to 999 as labels, found 0.5'),
    ('metadata.csv', 'file_name,label\na.png,\n', 'a label for each picture, found an empty one'),
    ('metadata.csv', 'file_name,label\na.png\n', 'a label in row 1, found none'),
    ('metadata.csv', 'file_name,label\na.png,1\n./a.png,2\n', "one label for each file_name, found '1' and '2' for a"),
    ('metadata.csv', 'file_name,text,label\na.png,a cat, asleep,cat\n', '4 cells in row 1, for 3 columns; a text '),
    ('metadata.csv', 'file_name,label\na.png,cat,dog\n', '3 cells in row 1, for 2 columns'),
    ('metadata.csv', 'file_name,label, label\na.png,cat,dog\n', "the column 'label' twice"),
    ('metadata.csv', b'\xff\xfe\x00', 'comma-separated values, found: a text that is not in UTF-8'),
    ('metadata.csv', 'file_name,label\na.png,é\n'.encode('latin-1'), 'found: a text that is not in UTF-8'),
    ('metadata.csv', 'file_name,label\n', 'comma-separated values, found: the names of columns alone'),
    ('metadata.csv', 'file_name,label\n../a.png,cat\n', 'that it names in its own folder, found no ../a.png'),
    ('metadata.csv', 'file_name,label\n/a.png,cat\n', 'that it names in its own folder, found no /a.png'),
    ('dataset.json', b'\xff{"labels": []}', 'JSON, found: a text that is not in UTF-8'),
    ('metadata.jsonl', '{"file_name": "a.png"}\n\n[]', 'a JSON object on each line, found in line 3: no object'),
    ('metadata.jsonl', '{"file_name": 3}', 'a file_name in row 1, found 3'),
    ('metadata.jsonl', '{"file_name": "b.png"}', 'the pictures that it names, found no b.png'),
    ('metadata.jsonl', '{"file_name": "a.png", "label": 1000}', 'found 1000')])
def test_label_files_that_are_refused(name, content, message):
    grey('mine/a.png', 1)
    with open('mine/' + name, 'wb') as handle:
        handle.write(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match='mine/{}: expected .*{}'.format(name, message)):
        load()


@pytest.mark.parametrize('content', ['id,caption\n1,a cat, asleep\n', 'caption,caption\na,b\n'])
def test_a_table_that_is_none_of_ours_is_left(content):
    grey('mine/a.png', 1)
    with open('mine/metadata.csv', 'w') as handle:
        handle.write(content)
    values, labels, _, lines = load()
    assert (values, labels) == ([1], None) and 'metadata.csv' in lines[0]


def test_label_columns_need_a_table():
    grey('mine/a.png', 1)
    with open('mine/metadata.csv', 'w') as handle:
        handle.write('name,label\na.png,1\n')  # another program's
    values, labels, _, lines = load()
    assert (values, labels) == ([1], None)
    assert lines[0] == 'mine: metadata.csv not read, for it has no column file_name or filename, but name, label'
    with pytest.raises(UserError, match='mine/metadata.csv: expected rows with the name of a picture .*, found none'):
        load(label_column='label')
    os.remove('mine/metadata.csv')
    with pytest.raises(UserError, match='--label_column: expected a metadata.csv or .* in mine, found none'):
        load(label_column='label')
    for name, told in (('labels.csv', 'labels.csv not read: a table of labels is called metadata.csv or '), (
            'Metadata.CSV', None)):
        with open('mine/' + name, 'w') as handle:
            handle.write('file_name,label\na.png,cat\n')
        values, labels, classes, lines = load()
        assert (labels, classes) == ((None, ()) if told else ([0], ('cat',)))
        assert any(line.startswith('mine: ' + (told or '1 class by the column label of Metadata.CSV'))
                   for line in lines)
        assert load(labels=False)[1] is None and not any('is called' in line for line in load(labels=False)[3])
        os.remove('mine/' + name)
    # The smaller letters come first, whatever another program keeps there.
    for name, label in (('Metadata.csv', 'dog'), ('metadata.csv', 'cat')):
        with open('mine/' + name, 'w') as handle:
            handle.write('file_name,label\na.png,{}\n'.format(label))
    assert load()[2] == ('cat',)
    # Beside folders that are taken for classes, or parts, too.
    for folder in ('mine/train/cat', 'own/cat', 'own/dog'):
        grey(folder + '/a.png', 200)
    for place in ('mine', 'own'):
        for name in os.listdir(place):
            if name.endswith(('.csv', '.png')):
                os.remove(os.path.join(place, name))
        with open(place + '/train.csv', 'w') as handle:
            handle.write('id,label\na,cat\n')
        assert sum('train.csv not read: a table of labels is called' in line for line in load(place)[3]) == 1


def test_wrong_labels_among_many_are_told_at_once():
    labels = list(range(-100000, 0)) + [7]
    with pytest.raises(UserError, match='expected names or integers from 0 to 999 as labels, found -100000 beside 7'):
        label_files.encode(labels, 'here')  # hours where each label is sought in the list of wrong ones


@pytest.mark.parametrize('values, labels, classes', [
    (['1', '0', '10'], [1, 0, 10], tuple(map(str, range(11)))), ([2, 0], [2, 0], ('0', '1', '2')),
    # No number as a program writes it, or too large to be a label: names.
    (['07', '8', '7'], [0, 2, 1], ('07', '7', '8')), (['2019', '2020', '2019'], [0, 1, 0], ('2019', '2020')),
    (['1.5', '2'], [0, 1], ('1.5', '2')), (['10', '2', '1000'], [1, 0, 2], ('2', '10', '1000')),
    # As pandas writes integers of a column that had a gap.
    (['1.0', '0.0', '10.'], [1, 0, 10], tuple(map(str, range(11)))),
    # As keyboards and systems write the same name.
    (['cat ', 'cat', ' dog'], [0, 0, 1], ('cat', 'dog')), (['e\u0301', '\xe9'], [0, 0], ('\xe9',)),
    (['1 ', '0'], [1, 0], ('0', '1'))])
def test_texts_are_names_unless_all_are_labels(values, labels, classes):
    found, names = label_files.encode(values, 'here')
    assert found.tolist() == labels and names == classes


@pytest.mark.parametrize('text', [
    '\n\nfile_name,label\na.png,x\nb.png,y\n', 'file_name , label \na.png , x \nb.png, y\n',
    '\r\n file_name;label\r\na.png;x\r\nb.png;y\r\n'])
def test_blank_lines_and_spaces_around_names_lose_no_labels(text):
    for name in ('mine/a.png', 'mine/b.png'):
        grey(name, 1)
    with open('mine/metadata.csv', 'w', newline='') as handle:
        handle.write(text)
    assert load()[1:3] == ([0, 1], ('x', 'y'))


def test_vectors_tell_how_many_classes_there_are():
    grey('mine/a.png', 1)
    grey('mine/b.png', 2)

    def labelled(a, b):
        with open('mine/dataset.json', 'w') as handle:
            json.dump({'labels': [['a.png', a], ['b.png', b]]}, handle)
        return load()[1:3]

    assert labelled([0, 1, 0], [1, 0, 0]) == ([1, 0], ('0', '1', '2'))
    assert labelled(1, 0) == ([1, 0], ('0', '1'))
    with pytest.raises(UserError, match='dataset.json: expected vectors of one length as labels, found 2 and 3'):
        labelled([0, 1, 0], [1, 0])
